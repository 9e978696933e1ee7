import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { trim } from "../../../resources/trim.ts";
import { prepare } from "../../support/hooks.ts";
import { sleep } from "../../support/time.ts";

const isDeno = !process.versions.bun;

/** In a function of its own: nothing of it stays on the stack. */
function makeGarbage(): WeakRef<object> {
  return new WeakRef({ large: new Array(1000).fill(0) });
}

test("in Deno it collects all garbage, and leaves no function behind by which others could; in Bun it does nothing", async () => {
  const garbage = makeGarbage();
  // A weak reference that was made in this turn holds its object until the next.
  await sleep(1);
  const before = runInNewContext("typeof gc");
  await prepare(trim());
  if (isDeno) assert.equal(garbage.deref(), undefined);
  assert.equal(runInNewContext("typeof gc"), before);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { startScript } from "../../support/child.ts";

test("generators take a new seed while signals interrupt the threads of the pool", async () => {
  await using script = startScript("stormed_generators.ts");
  const timer = setTimeout(() => process.kill(script.pid, "SIGKILL"), 20_000);
  const { code, stdout, stderr } = await script.ended;
  clearTimeout(timer);
  assert.deepEqual([code, stdout], [0, "renewed\n"], stderr);
});

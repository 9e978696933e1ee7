/** A program's mistakes are told before anything is begun. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "../../../driver/check_options.ts";
import { simulate } from "../../../driver/simulate.ts";

test("a time that is negative, not finite or too long for a timer is a usage error", () => {
  checkOptions({});
  checkOptions({ timeoutMs: 0, leaseMs: 2 ** 31 - 1 });
  for (const time of [Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 31, "soon"]) {
    for (const name of ["timeoutMs", "leaseMs"]) {
      const message = `${name} must be a number of milliseconds from 0 to 2147483647, not ${time}.`;
      assert.throws(() => checkOptions({ [name]: time as number }), { name: "UsageError", message });
    }
  }
});

test("a kind of problem that there is not is a usage error", () => {
  checkOptions({ force: true });
  checkOptions({ force: ["cpu", "file"] });
  const wrong = { name: "UsageError", message: /^force must be true, or a list of manifest, file, .*; not damage\.$/ };
  assert.throws(() => checkOptions({ force: ["cpu", "damage" as "cpu"] }), wrong);
  assert.throws(() => checkOptions({ force: "damage" as unknown as true }), wrong);
});

test("an engine looks at times and at CRIU's options before it looks for apps", async () => {
  const imagesDir = "/nothing-is-written";
  const engine = simulate();
  const wrong = { name: "UsageError", message: /fileLock|timeoutMs/ };
  await assert.rejects(engine.dump({ pid: 1, imagesDir, timeoutMs: Number.NaN }), wrong);
  await assert.rejects(engine.dump({ pid: 1, imagesDir, criuOptions: { fileLock: true } as object }), wrong);
  await assert.rejects(engine.restore({ imagesDir, timeoutMs: -1 }), wrong);
});

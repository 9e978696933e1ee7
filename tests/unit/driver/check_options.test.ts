/** A program's mistakes are told before anything is begun. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkOptions } from "../../../driver/check_options.ts";
import { checkpoint } from "../../../driver/checkpoint.ts";
import { queries } from "../../../driver/queries.ts";
import { simulate } from "../../../driver/simulate.ts";
import { attach } from "../../../simulate.ts";
import { runCli } from "../../support/cli.ts";

const runtimeName = "Deno" in globalThis ? "deno" : "bun";

test("a time that is negative, fractional, not finite or too long for a timer is a usage error", () => {
  const known = { timeoutMs: "time", leaseMs: "lease" } as const;
  checkOptions({}, known);
  checkOptions({ timeoutMs: 2 ** 31 - 1, leaseMs: 600_000 }, known);
  for (const time of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, 2 ** 31]) {
    for (const [name, longest] of [
      ["timeoutMs", 2147483647],
      ["leaseMs", 600_000],
    ]) {
      const message = `${name} must be a whole number of milliseconds from 0 to ${longest}, not ${time}.`;
      assert.throws(() => checkOptions({ [name as string]: time }, known), { name: "UsageError", message });
    }
  }
});

test("a lease that no app would take is a usage error, before anybody is asked", async () => {
  const dump = simulate().dump({ pid: process.pid, imagesDir: "/nothing-is-written", leaseMs: 600_001 });
  await assert.rejects(dump, { name: "UsageError", message: /^leaseMs must be .* from 0 to 600000, not 600001\.$/ });
  const { code, err } = await runCli(runtimeName, ["notify", 1, "--lease-ms", 600_001]);
  assert.deepEqual([code, /'600001' is invalid.*at most 600000: ten minutes/.test(err)], [2, true], err);
});

test("a kind of problem that there is not is a usage error", () => {
  const known = { force: "force" } as const;
  for (const force of [true, false, [], ["cpu", "file"]]) checkOptions({ force }, known);
  const wrong = {
    name: "UsageError",
    message: /^force must be true, or a list of manifest, file, .*, not .*damage.*\.$/,
  };
  for (const force of ["damage", ["cpu", "damage"]]) assert.throws(() => checkOptions({ force }, known), wrong);
});

test("every function of the driver takes its own options only, and says which there are", async () => {
  const agent = await attach({ strategies: [] });
  const engine = simulate();
  const run = { pid: process.pid, imagesDir: "/nothing-is-written" };
  const typo = { leaveruning: true } as object;
  const calls: ((extra: object) => Promise<unknown>)[] = [
    (extra) => engine.dump({ ...run, ...extra }),
    (extra) => engine.restore({ imagesDir: run.imagesDir, ...extra }),
    (extra) => checkpoint(agent, { imagesDir: run.imagesDir, ...extra }),
    (extra) => queries("/bin/false").preDump({ ...run, ...extra }),
  ];
  for (const call of calls) {
    await assert.rejects(call(typo), { name: "UsageError", message: /^There is no option leaveruning: .*imagesDir/ });
    await assert.rejects(call({ imagesDir: "" }), { name: "UsageError", message: 'imagesDir must be a path, not "".' });
    await assert.rejects(call({ criuOptions: { fileLock: true } }), {
      name: "UsageError",
      message: /fileLock.*fileLocks/,
    });
  }
  for (const pid of [0, -1, 1.5, Number.NaN, "1/../2"]) {
    await assert.rejects(engine.dump({ ...run, pid: pid as number }), {
      message: /^pid must be a pid, 1 or more, not /,
    });
  }
  await assert.rejects(engine.dump({ ...run, leaveRunning: "no" as never }), {
    message: 'leaveRunning must be true or false, not "no".',
  });
  await assert.rejects(agent.checkpoint({ outcome: "resumed" as never }), /Cannot play the outcome resumed: there are/);
  await agent[Symbol.asyncDispose]();
});

test("an engine looks at times and at CRIU's options before it looks for apps", async () => {
  const imagesDir = "/nothing-is-written";
  const engine = simulate();
  const wrong = { name: "UsageError", message: /fileLock|timeoutMs/ };
  await assert.rejects(engine.dump({ pid: 1, imagesDir, timeoutMs: Number.NaN }), wrong);
  await assert.rejects(engine.dump({ pid: 1, imagesDir, criuOptions: { fileLock: true } as object }), wrong);
  await assert.rejects(engine.restore({ imagesDir, timeoutMs: -1 }), wrong);
});

/** `onRestoreError`: a restored process that could not rebuild everything goes on, or gives up. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { AttachOptions } from "../../agent.ts";
import { attach } from "../../attach.ts";
import { simulate } from "../../driver/simulate.ts";
import { attach as attachToNothing } from "../../simulate.ts";
import { type Child, runShell, startScript } from "../support/child.ts";
import { createStage, recordingCaller } from "../support/lifecycle_ports.ts";
import { sleep } from "../support/time.ts";

/** Plays a dump and a restore, and returns what the driver learns. */
async function restoreByDriver(app: Child): Promise<unknown[]> {
  assert.equal(await app.nextLine(), "attached");
  const engine = simulate();
  const imagesDir = "/nothing-is-written";
  await engine.dump({ pid: app.pid, imagesDir });
  const { processes } = await engine.restore({ imagesDir });
  return processes.map(({ outcome, errors }) => [outcome, errors]);
}

const start = (options: object) => startScript("giving_up_app.ts", JSON.stringify(options));

test("a process that gives up ends with exit code 4, once everybody was told, and what waits for the outcome never goes on", async () => {
  const log: string[] = [];
  const stage = createStage({ giveUp: async () => () => void log.push("gives up") });
  stage.release = { outcome: "restored", simulated: false };
  stage.lifecycle.resources.add({ name: "a", afterRestore: () => Promise.reject(new Error("no")) });
  stage.lifecycle.deliver({ id: "x" }, recordingCaller(log, "caller"));
  await sleep(10);
  assert.deepEqual(log, ["caller: ready", "caller: restored", "gives up"]);
  assert.equal(stage.published.at(-1)?.state, "running");
  assert.deepEqual(stage.published.at(-1)?.round.errors, [{ resource: "a", message: "no" }]);

  await using app = start({ how: "played" });
  const { code, stdout } = await app.ended;
  assert.deepEqual([code, stdout], [4, "exit 4\n"]);
});

test("only a restored process gives up, and only when something could not be rebuilt", async () => {
  const log: string[] = [];
  const stage = createStage({ giveUp: async () => () => void log.push("gives up") });
  stage.release = { outcome: "restored", simulated: false };
  await stage.deliver({ id: "well" });
  const resource = stage.lifecycle.resources.add({ name: "a", afterRestore: () => Promise.reject(new Error("no")) });
  for (const outcome of ["continued", "aborted"] as const) {
    stage.release = { outcome, simulated: false };
    await stage.deliver({ id: outcome });
    await using app = start({ how: "played", outcome });
    assert.equal((await app.ended).stdout, `${outcome}\nexit 0\n`);
  }
  resource[Symbol.dispose]();
  stage.lifecycle.resources.add({
    name: "b",
    beforeCheckpoint: () => {
      throw new Error("refused");
    },
    afterRestore: () => Promise.reject(new Error("no")),
  });
  await stage.deliver({ id: "refused" });
  assert.deepEqual(log, []);
});

test("unless it is told to, a process that could not rebuild everything goes on", async () => {
  await using app = start({ how: "played", choice: "report" });
  const { code, stdout } = await app.ended;
  assert.deepEqual([code, stdout], [0, "restored\nexit 0\n"]);
});

test("what it has written is not lost, however late it is read", async () => {
  const script = join(import.meta.dirname as string, "../support/giving_up_app.ts");
  const run = "Deno" in globalThis ? "run -A --no-check" : "run";
  const app = `'${process.execPath}' ${run} '${script}' '${JSON.stringify({ how: "alone", writes: 1_000_000 })}'`;
  const { stdout, stderr } = await runShell(`{ ${app}; echo ended with $? >&2; } | { sleep 0.3; wc -c; }`);
  assert.deepEqual([Number(stdout), stderr], [1_000_000, "ended with 4\n"]);
});

test("a listener of its end that throws does not keep it alive", async () => {
  await using app = start({ how: "alone", throws: true });
  const { code, stdout } = await app.ended;
  assert.notEqual(code, 0);
  assert.equal(stdout, "exit 4\n");
});

test("a driver that plays a restore learns what failed, and the app has then ended", async () => {
  await using app = start({ how: "driven" });
  assert.deepEqual(await restoreByDriver(app), [["restored", [{ resource: "database", message: "no route" }]]]);
  // It stands still until its page was read: who asks it to end does not make it go on.
  process.kill(app.pid, "SIGTERM");
  const { code, stdout } = await app.ended;
  assert.equal(code, 4);
  assert.doesNotMatch(stdout, /SIGTERM/);
});

test("another choice is refused, and the process may attach all the same", async () => {
  const wrong = { strategies: [], onRestoreError: "Exit" } as unknown as AttachOptions;
  const expected = { name: "RangeError", message: 'onRestoreError must be "report" or "exit", not Exit.' };
  await assert.rejects(attach(wrong), expected);
  await assert.rejects(attachToNothing(wrong), expected);
  await using _agent = await attach({ strategies: [] });
});

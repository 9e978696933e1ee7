/** The demo on another system than Linux: every process of it believes that it runs on macOS. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startProgram } from "../support/child.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const examples = join(import.meta.dirname as string, "../../examples");

/** What makes a process, and those that it starts, run `preload` first: as their environment has it. */
const preloading = (preload: string): Record<string, string> => ({
  BUN_OPTIONS: `--preload=${preload}`,
  NODE_OPTIONS: `--require ${preload}`,
});

/** Runs an example as if this were macOS, and resolves with its output. */
async function runElsewhere(command: readonly string[], example: string, ...flags: string[]): Promise<string> {
  using directory = temporaryDirectory();
  const preload = join(directory.path, "elsewhere.cjs");
  writeFileSync(
    preload,
    `Object.defineProperty(process, "platform", { value: "darwin" }); console.error("as on", process.platform);`,
  );
  const [program, ...args] = command as [string, ...string[]];
  await using child = startProgram(program, [...args, join(examples, example), ...flags], preloading(preload));
  const { code, stdout, stderr } = await child.ended;
  assert.equal(code, 0, stdout + stderr);
  assert.match(stderr, /^as on darwin$/m);
  return stdout;
}

test("the demo says that CRIU needs Linux, and shows the trainer in both runtimes, restored and exact", async () => {
  const output = await runElsewhere(runCommand.bun, "demo/main.ts", "--json");
  assert.match(output, /^CRIU needs Linux: .*\n/);
  const { engine, runs } = JSON.parse(output.trimEnd().split("\n").at(-1) as string);
  assert.equal(engine, "simulate");
  assert.deepEqual(
    runs.map((run: Record<string, unknown>) => [run.runtime, run.strategy, run.outcome, run.exact]),
    runtimes.map((runtime) => [runtime, "none", "restored", true]),
  );
  for (const run of runs)
    for (const time of ["noticeToReadyMs", "dumpMs", "restoreMs", "restoreToRebuiltMs"])
      assert.ok(run[time] >= 0, `${time} is ${run[time]}`);
});

for (const runtime of runtimes) {
  test(`the trainer works on another system in ${runtime}, with the same result as here`, async () => {
    const digest = (output: string): string | undefined => /^done: step 20, digest (\w+)$/m.exec(output)?.[1];
    const flags = ["--steps", "20", "--rest-ms", "0"];
    const there = await runElsewhere(runCommand[runtime], "trainer.ts", ...flags, "--simulate-at", "10");
    assert.match(there, /^step 10: restored, generation 0$/m);
    const [program, ...args] = runCommand[runtime] as [string, ...string[]];
    await using here = startProgram(program, [...args, join(examples, "trainer.ts"), ...flags]);
    const { stdout, stderr } = await here.ended;
    assert.ok(digest(stdout), stdout + stderr);
    assert.equal(digest(there), digest(stdout));
  });
}

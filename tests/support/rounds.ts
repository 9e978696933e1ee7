/** What a process holds more and more of, when it does the same again and again. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startProgram } from "./child.ts";
import { type Growth, growthIn, type Holds, holdsOf } from "./holds.ts";
import { runCommand } from "./runtimes.ts";

/** Plays `rounds` rounds, and looks at what this process holds after each. */
export async function playRounds(rounds: number, play: (round: number) => Promise<void>): Promise<Growth> {
  const seen: Holds[] = [];
  for (let round = 1; round <= rounds; round++) {
    await play(round);
    seen.push(holdsOf("self"));
  }
  return growthIn(seen);
}

/** Asserts that nothing has grown by more than what is allowed. */
export function assertFlat({ early, late }: Growth, allowed: Holds): void {
  for (const what of Object.keys(allowed) as (keyof Holds)[])
    assert.ok(late[what] <= early[what] + allowed[what], `${what}: ${early[what]} → ${late[what]}`);
}

/** Runs a script of tests/support/ in the runtime that runs the test, and resolves with the growth that it prints last. */
export async function growthOf(
  script: string,
  args: readonly (string | number)[],
  env: Record<string, string> = {},
): Promise<Growth> {
  const [program, ...before] = runCommand[process.versions.bun ? "bun" : "deno"] as [string, ...string[]];
  const path = join(import.meta.dirname as string, script);
  // V8 makes room for new objects in steps of 8 MiB and 32 mappings, as it likes: 30 MiB in 1000 rounds that leave nothing.
  const bounded = { DENO_V8_FLAGS: "--max-semi-space-size=1" };
  await using child = startProgram(program, [...before, path, ...args.map(String)], { ...bounded, ...env });
  const { code, stdout, stderr } = await child.ended;
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) as string) as Growth;
}

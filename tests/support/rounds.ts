/** What a process holds more and more of, when it does the same again and again. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { startProgram } from "./child.ts";
import { runCommand } from "./runtimes.ts";

/** What a process holds. Sizes in bytes. */
export interface Holds {
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  readonly rss: number;
}

/** Before the last rounds, and in them. */
export interface Growth {
  readonly early: Holds;
  readonly late: Holds;
}

/**
 * Plays `rounds` rounds, and looks at what this process holds after each. Of 300 the first 50 count for nothing, and the
 * next 50 are compared with the last 50: by the least that was held, because threads of a pool come and go, and garbage too.
 */
export async function playRounds(rounds: number, play: (round: number) => Promise<void>): Promise<Growth> {
  const seen: Holds[] = [];
  for (let round = 1; round <= rounds; round++) {
    await play(round);
    seen.push(holds());
  }
  const some = Math.ceil(rounds / 6);
  return { early: least(seen.slice(some, 2 * some)), late: least(seen.slice(-some)) };
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

/** SwiftShader forgets to close one file of its own for each time it is loaded; it does not count. */
function holds(): Holds {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });
  return {
    descriptors: links.filter((link) => link !== "" && !link.includes("swiftshader_jit")).length,
    threads: readdirSync("/proc/self/task").length,
    mappings: readFileSync("/proc/self/maps", "utf8").split("\n").length,
    rss: process.memoryUsage.rss(),
  };
}

function least(seen: readonly Holds[]): Holds {
  const of = (what: keyof Holds): number => Math.min(...seen.map((held) => held[what]));
  return { descriptors: of("descriptors"), threads: of("threads"), mappings: of("mappings"), rss: of("rss") };
}

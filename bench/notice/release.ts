import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locateCriu } from "criu-aware/driver";
import type { Libc } from "../../ffi/libc.ts";
import { Sender } from "./sender.ts";

/** Milliseconds from CRIU letting a held app go to its first hook: after a dump that leaves it running, and after a restore. */
export interface Releases {
  readonly continued: number[];
  readonly restored: number[];
}

/**
 * Holds an app, lets CRIU dump and restore it, and watches when it stops being traced. That is seen at most a look at
 * /proc (some 50 µs) too early, never too late: the times are upper bounds.
 */
export async function measureReleases(libc: Libc, command: readonly string[], rounds: number): Promise<Releases> {
  const criu = locateCriu();
  const releases: Releases = { continued: [], restored: [] };
  for (let round = 0; round < rounds; round++) {
    const images = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
    try {
      using sender = await Sender.start(libc, command, "held");
      const tree = ["--tree", String(sender.pid)];
      await sender.hold();
      releases.continued.push(await watch(sender, [criu, "dump", ...tree, "--images-dir", images, "--leave-running"]));
      await sender.hold();
      await run([criu, "dump", ...tree, "--images-dir", images]);
      await sender.ended();
      releases.restored.push(await watch(sender, [criu, "restore", "--images-dir", images, "--restore-detached"]));
    } finally {
      rmSync(images, { recursive: true, force: true });
    }
  }
  // A look may come between: then nothing is known of that round.
  const known = (samples: number[]): number[] => samples.filter((sample) => !Number.isNaN(sample));
  return { continued: known(releases.continued), restored: known(releases.restored) };
}

/** Runs CRIU and returns the milliseconds from the last look at which the app was traced to its first hook. */
async function watch(sender: Sender, command: readonly string[]): Promise<number> {
  const before = sender.arrivals.count;
  const ended = run(command);
  let traced = Number.NaN;
  for (const end = sender.now() + 10_000; sender.arrivals.count === before; ) {
    const at = sender.now();
    if (at > end) throw new Error("The app was never let go");
    if (isTraced(sender.pid)) traced = at;
  }
  await ended;
  return sender.arrivals.at - traced;
}

function isTraced(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return /^[tT]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

function run([program, ...args]: readonly string[]): Promise<void> {
  const child = spawn(program as string, args, { stdio: "ignore" });
  return new Promise((resolve, reject) => {
    child.once("exit", (code) =>
      code === 0 ? resolve() : reject(new Error(`${args[0]} failed with exit code ${code}`)),
    );
  });
}

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { ProcessOutput } from "zx";
import { closeOnExec } from "../ffi/close_on_exec.ts";
import { openLibc } from "../ffi/libc.ts";
import { openMarked } from "../ffi/marked_process.ts";
import { openProcess, type ProcessHandle } from "../ffi/process.ts";
import { firstErrors, printedLines } from "./log.ts";

/** What a trial found: `works`, or why not. */
export interface TrialResult {
  /** Whether a process was dumped and restored. */
  readonly works: boolean;
  /** What failed, and the first error of CRIU; empty when it works. */
  readonly why: string;
}

const SIGKILL = 9;
/** For a dumped process to be gone once CRIU says that it is done. */
const MOST_MS = 10_000;

// Bun and Deno alike. The socket matters: CRIU before 4.2 cannot dump one on Linux 6.16 and newer.
const program = `
  const { createServer } = await import("node:net");
  createServer().listen(0, "127.0.0.1", () => console.log("listening"));
`;

/**
 * Dumps and restores a small process with a listening socket: what `criu check` says proves too little. Needs root.
 */
export async function tryCriu(criu: string): Promise<TrialResult> {
  const images = mkdtempSync(join(tmpdir(), "criu-aware-trial-"));
  const libc = await openLibc();
  const evaluate = libc.runtime.name === "deno" ? "eval" : "-e";
  // What a shell, an editor or a supervisor has left open says nothing of CRIU.
  closeOnExec(libc);
  // The directory is an argument only to tell this process from all others.
  const victim = spawn(process.execPath, [evaluate, program, images], {
    stdio: ["ignore", "pipe", "ignore"],
    // A session of its own, as CRIU needs it: setsid(2).
    detached: true,
    // Deno's caches hold file locks, which CRIU does not dump unasked.
    env: { ...process.env, DENO_DIR: "/dev/null/none" },
  });
  const { pid } = victim;
  const ended = new Promise((resolve) => victim.once("exit", resolve));
  using held = new DisposableStack();
  try {
    if (pid === undefined) return { works: false, why: `${process.execPath} does not start` };
    endAtDisposal(held, openProcess(libc, pid));
    await new Promise((resolve, reject) => {
      victim.stdout.once("data", resolve);
      victim.once("exit", () => reject(new Error("the trial process ended by itself")));
    });
    victim.stdout.destroy();
    const { $ } = await import("zx");
    const options = { quiet: true, nothrow: true };
    const dump = await $(options)`exec ${criu} dump --tree ${pid} --images-dir ${images} --log-file dump.log`;
    if (dump.exitCode !== 0) return failed("dump", images, dump);
    const isOver = await Promise.race([ended.then(() => true), setTimeout(MOST_MS, false, { ref: false })]);
    if (!isOver) return { works: false, why: "a trial dump left the process running" };
    const pidFile = join(images, "pid");
    const restore = await $(
      options,
    )`exec ${criu} restore --images-dir ${images} --log-file restore.log --restore-detached --pidfile ${pidFile}`;
    if (restore.exitCode !== 0) return failed("restore", images, restore);
    const restored = openMarked(libc, Number(readFileSync(pidFile, "utf8")), images);
    if (!restored) return { works: false, why: "the trial process ended right after its restore" };
    endAtDisposal(held, restored);
    return { works: true, why: "" };
  } catch (error) {
    return { works: false, why: (error as Error).message };
  } finally {
    rmSync(images, { recursive: true, force: true });
  }
}

function failed(phase: "dump" | "restore", images: string, { stderr, exitCode }: ProcessOutput): TrialResult {
  const [error = printedLines(stderr).join(" ")] = firstErrors(join(images, `${phase}.log`));
  return { works: false, why: `a trial ${phase} failed: ${error || `exit code ${exitCode}, and no reason`}` };
}

function endAtDisposal(held: DisposableStack, process: ProcessHandle): void {
  held.use(process);
  held.defer(() => {
    try {
      process.kill(SIGKILL);
    } catch {
      // It has ended, as a dumped one has.
    }
  });
}

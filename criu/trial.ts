import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "zx";
import { openLibc } from "../ffi/libc.ts";
import { firstErrors, printedLines } from "./log.ts";

/** What a trial found: `works`, or why not. */
export interface TrialResult {
  readonly works: boolean;
  readonly why: string;
}

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
  const { runtime } = await openLibc();
  const evaluate = runtime.name === "deno" ? "eval" : "-e";
  const victim = spawn("setsid", [process.execPath, evaluate, program], {
    stdio: ["ignore", "pipe", "ignore"],
    // Deno's caches hold file locks, which CRIU does not dump unasked.
    env: { ...process.env, DENO_DIR: "/dev/null/none" },
  });
  const { pid } = victim;
  const ended = new Promise((resolve) => victim.once("exit", resolve));
  try {
    if (pid === undefined) return { works: false, why: "setsid (util-linux) is missing" };
    await new Promise((resolve, reject) => {
      victim.stdout.once("data", resolve);
      victim.once("exit", () => reject(new Error("the trial process ended by itself")));
    });
    victim.stdout.destroy();
    const options = { quiet: true, nothrow: true };
    const dump = await $(options)`exec ${criu} dump --tree ${pid} --images-dir ${images} --log-file dump.log`;
    if (dump.exitCode !== 0) return failed("dump", images, dump.stderr);
    await ended;
    const restore = await $(
      options,
    )`exec ${criu} restore --images-dir ${images} --log-file restore.log --restore-detached`;
    return restore.exitCode === 0 ? { works: true, why: "" } : failed("restore", images, restore.stderr);
  } catch (error) {
    return { works: false, why: (error as Error).message };
  } finally {
    if (pid !== undefined) end(pid);
    rmSync(images, { recursive: true, force: true });
  }
}

function failed(phase: "dump" | "restore", images: string, stderr: string): TrialResult {
  const [error = printedLines(stderr).join(" ")] = firstErrors(join(images, `${phase}.log`));
  return { works: false, why: `a trial ${phase} failed: ${error}` };
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {}
}

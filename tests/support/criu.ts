import { execFileSync, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { locateCriu } from "criu-aware/driver";

/** Why the tests with CRIU cannot run here; false when they can. */
export const noCriu: string | false = why();

function why(): string | false {
  if (process.platform !== "linux") return "CRIU runs on Linux only";
  if (process.geteuid?.() !== 0) return "CRIU needs root";
  try {
    locateCriu();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

export const hook: string = join(import.meta.dirname as string, "../../criu/hook.sh");

/** Runs CRIU by hand, as somebody who knows nothing of our engines, and waits for its end. */
export function runCriu(
  args: readonly string[],
  env: Record<string, string> = {},
): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(locateCriu(), args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, output: stdout + stderr };
}

/** The same without blocking this thread: for a tree whose root is a child of this process. */
export function runCriuAsync(args: readonly string[], env: Record<string, string> = {}): Promise<number | null> {
  const child = spawn(locateCriu(), args, { stdio: "ignore", env: { ...process.env, ...env } });
  return new Promise((resolve) => child.once("exit", resolve));
}

/** What a shell command prints. */
export function shell(command: string): string {
  return execFileSync("sh", ["-c", command], { encoding: "utf8" });
}

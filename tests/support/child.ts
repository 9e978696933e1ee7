import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "./time.ts";

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs; disposal kills it and waits for its end. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves with the next whole line of its output, rejects when it ends before. */
  nextLine(): Promise<string>;
}

/** Starts any program. */
export function startProgram(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Child {
  const child: ChildProcess = spawn(command, args, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let stdout = "";
  let stderr = "";
  let read = 0;
  let wake = (): void => {};
  let isOver = false;
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    stdout += text;
    wake();
  });
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      isOver = true;
      wake();
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    pid: child.pid as number,
    ended,
    async nextLine() {
      for (;;) {
        const end = stdout.indexOf("\n", read);
        if (end >= 0) {
          const line = stdout.slice(read, end);
          read = end + 1;
          return line;
        }
        if (isOver) throw new Error(`It ended without another line. stderr: ${stderr}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async [Symbol.asyncDispose]() {
      if (!isOver) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Starts a script of tests/support/ in the runtime that runs the test. */
export function startScript(name: string, ...args: (string | number)[]): Child {
  const path = join(import.meta.dirname as string, name);
  const before = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  return startProgram(process.execPath, [...before, path, ...args.map(String)]);
}

/** Runs a shell script and resolves with its end. */
export function runShell(script: string, env: Record<string, string> = {}): Promise<Ended> {
  return startProgram("sh", ["-c", script], env).ended;
}

/** Ends a process of these tests, and waits until nothing is left of it. */
export async function end(pid: number): Promise<void> {
  if (existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
  await waitFor(`process ${pid} to vanish`, () => !existsSync(`/proc/${pid}`), 10_000);
}

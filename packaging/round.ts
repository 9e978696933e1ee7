/** One app that is simulated, dumped and restored on real CRIU by a command, as a user would do it. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { output } from "./check.ts";

/** What is needed for a round. */
export interface RoundOptions {
  /** The command that starts the app; it prints `attached`, and the outcome after each round. */
  readonly app: readonly string[];
  /** The command that is ours: `bunx criu-aware`. */
  readonly command: readonly string[];
  /** An empty directory for the images and the output. */
  readonly directory: string;
  /** Where both are started. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the app has beside that in its environment. */
  readonly appEnv?: Readonly<Record<string, string>>;
  /** More arguments of `dump`. */
  readonly dumpArguments?: readonly string[];
}

/** An app for {@linkcode playRound}, which imports us as `name`. */
export const roundApp = (name: string): string => `
import { attach } from "${name}";
import { signal } from "${name}/strategies/signal";

const agent = await attach({ strategies: [signal()] });
agent.register({ name: "speaks", afterRestore: ({ outcome, simulated }) => console.log(simulated ? "simulated" : outcome) });
console.log("attached");
setInterval(() => {}, 1000);
`;

/** Simulates, dumps and restores the app once, and ends it. @throws {Error} with what was said, when a step fails. */
export async function playRound(options: RoundOptions): Promise<void> {
  const { app, command, directory, cwd, env, appEnv = {}, dumpArguments = [] } = options;
  const log = join(directory, "output");
  const images = join(directory, "images");
  const run = (...args: string[]): Promise<string> => output([...command, ...args], { cwd, env });
  const [program, ...args] = app as [string, ...string[]];
  const fd = openSync(log, "a");
  // A session of its own, and no terminal: CRIU dumps it as it is.
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env, ...appEnv },
    stdio: ["ignore", fd, fd],
    detached: true,
  });
  closeSync(fd);
  try {
    const pid = String(child.pid);
    await says(log, "attached", child);
    await run("simulate", pid);
    await says(log, "simulated", child);
    await run("dump", pid, "--images-dir", images, ...dumpArguments);
    await run("restore", images);
    await says(log, "restored");
  } finally {
    end(child);
  }
}

/** Waits for a line of the app. */
async function says(log: string, line: string, child?: ChildProcess): Promise<void> {
  for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const text = readFileSync(log, "utf8");
    if (text.split("\n").includes(line)) return;
    const over = child && (child.exitCode !== null || child.signalCode !== null);
    if (over || Date.now() > end) throw new Error(`The app does not say "${line}". What it said:\n${text}`);
  }
}

/** Ends the app, which has its pid again after a restore. */
function end({ pid }: ChildProcess): void {
  try {
    accessSync(`/proc/${pid}`);
    process.kill(pid as number, "SIGKILL");
  } catch {
    // It has ended.
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processTree } from "../../ffi/process_tree.ts";
import { dumpableEnv, type RuntimeName, runCommand } from "./runtimes.ts";
import { sleep } from "./time.ts";

/** One line that an app printed. */
export interface AppEvent {
  readonly event: string;
  readonly [detail: string]: unknown;
}

/** A program under test: in its own session, without a terminal, its output in a file, as CRIU needs it. */
export class App implements AsyncDisposable {
  readonly pid: number;
  /** Removed at disposal. */
  readonly directory: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.pid = child.pid as number;
    this.directory = directory;
  }

  /** Starts a script of tests/support, and waits for its event `attached`. `options` reach it as JSON. */
  static async start(
    runtime: RuntimeName,
    options: object = {},
    script = "probe_app.ts",
    env: Record<string, string> = {},
  ): Promise<App> {
    const directory = mkdtempSync(join(tmpdir(), "criu-aware-test-"));
    const output = openSync(join(directory, "output"), "a");
    const command = [
      ...runCommand[runtime],
      join(import.meta.dirname as string, script),
      JSON.stringify({ directory, ...options }),
    ];
    const child = spawn("setsid", command, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...dumpableEnv, ...env },
    });
    closeSync(output);
    const app = new App(child, directory);
    await app.event("attached");
    return app;
  }

  output(): string {
    return readFileSync(join(this.directory, "output"), "utf8");
  }

  /** All events so far. The end of the output may still be being written: a line counts when it is whole. */
  events(): AppEvent[] {
    return this.output()
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  }

  /** The events of one name. */
  named(name: string): AppEvent[] {
    return this.events().filter(({ event }) => event === name);
  }

  /** Waits for the n-th event (from 1) of a name. */
  async event(name: string, n = 1, timeoutMs = 20_000): Promise<AppEvent> {
    for (const end = Date.now() + timeoutMs; ; ) {
      const found = this.named(name)[n - 1];
      if (found) return found;
      if (Date.now() > end)
        throw new Error(`The app did not print event ${n} "${name}". Its output:\n${this.output()}`);
      await sleep(5);
    }
  }

  /** Shows that its event loop turns: waits for one more event `tick`. */
  async goesOn(): Promise<void> {
    const ticks = this.named("tick").length;
    process.kill(this.pid, "SIGWINCH");
    await this.event("tick", ticks + 1);
  }

  /** Waits until the process that was started here has ended and was reaped. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise((resolve) => this.#child.once("exit", resolve));
    }
  }

  /** The signal that ended the process that was started here. */
  async endedBy(): Promise<string | null> {
    await this.ended();
    return this.#child.signalCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its children as well: a test that fails does not come to its own end.
    for (const pid of processTree(this.pid)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {}
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

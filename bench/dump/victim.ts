import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, type Engine, locateCriu, type Phase, rpc } from "criu-aware/criu";
import { dumpableEnv } from "../../tests/support/runtimes.ts";

/** Bare CRIU, our engines, and the recipe of today: an action script that kills with a signal and polls for a file. */
export const ways = ["bare", "rpc", "command", "recipe"] as const;
export type Way = (typeof ways)[number];

/** Milliseconds of one dump and one restore. */
export interface Measured {
  readonly dump: number;
  /** Until the app says that it is rebuilt, where it is told; otherwise until CRIU has ended. */
  readonly restore: number;
  /** The parts of a dump by one of our engines. */
  readonly phases?: Readonly<Record<"start → hook" | "notice → held" | "held → dumped", number>>;
}

/** The process that is dumped, and brought back, again and again. It keeps its pid. */
export class Victim implements Disposable {
  readonly #criu: string = locateCriu();
  readonly #engines: Partial<Record<Way, Engine>> = { rpc: rpc(), command: command() };
  readonly #directory: string = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
  readonly #child: ChildProcess;

  private constructor(command: readonly string[]) {
    const [program, ...args] = [...command, join(import.meta.dirname as string, "app.ts"), this.#path("ready")];
    this.#child = spawn("setsid", [program as string, ...args], {
      stdio: "ignore",
      env: { ...process.env, ...dumpableEnv },
    });
    // What one finds in blogs and issues, with the poll interval that they use.
    const script = `#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = pre-dump ] || exit 0
kill -USR2 "$CRTOOLS_INIT_PID"
while [ ! -e ${this.#path("ready")} ]; do sleep 0.1; done
`;
    writeFileSync(this.#path("recipe.sh"), script, { mode: 0o755 });
  }

  static async start(command: readonly string[]): Promise<Victim> {
    const victim = new Victim(command);
    while (!existsSync(victim.#path("ready"))) await sleep(5);
    return victim;
  }

  /** Dumps and restores once. */
  async measure(way: Way): Promise<Measured> {
    const imagesDir = this.#path("images");
    rmSync(this.#path("ready"), { force: true });
    const started = performance.now();
    const phases = await this.#dump(way, imagesDir);
    const dump = performance.now() - started;
    await this.#gone();
    const begun = performance.now();
    const engine = this.#engines[way];
    if (engine) await engine.restore({ imagesDir });
    else await this.#run("restore", "--images-dir", imagesDir, "--restore-detached");
    const restore = performance.now() - begun;
    rmSync(imagesDir, { recursive: true });
    // So that its runtime is at rest again.
    await sleep(50);
    return { dump, restore, ...(phases ? { phases } : {}) };
  }

  [Symbol.dispose](): void {
    try {
      process.kill(this.#pid, "SIGKILL");
    } catch {}
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #pid(): number {
    return this.#child.pid as number;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  async #dump(way: Way, imagesDir: string): Promise<Measured["phases"]> {
    const engine = this.#engines[way];
    if (!engine) {
      const { mkdir } = await import("node:fs/promises");
      await mkdir(imagesDir);
      const script = way === "recipe" ? ["--action-script", this.#path("recipe.sh")] : [];
      await this.#run("dump", "--tree", String(this.#pid), "--images-dir", imagesDir, ...script);
      return undefined;
    }
    const times = new Map<Phase["name"], number>();
    const started = performance.timeOrigin + performance.now();
    const onPhase = ({ name, at }: Phase): void => void times.set(name, at);
    await engine.dump({ pid: this.#pid, imagesDir, onPhase });
    const [notice = 0, ready = 0, dumped = 0] = (["notice", "ready", "dumped"] as const).map((name) => times.get(name));
    return { "start → hook": notice - started, "notice → held": ready - notice, "held → dumped": dumped - ready };
  }

  #run(...args: readonly string[]): Promise<void> {
    const child = spawn(this.#criu, args, { stdio: "ignore" });
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`criu ${args[0]} failed: ${code}`))));
    });
  }

  /** Waits until the dumped process has been reaped: by this process at first, by init after a restore. */
  async #gone(): Promise<void> {
    while (isThere(this.#pid)) await sleep(2);
  }
}

function isThere(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8") !== "";
  } catch {
    return false;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

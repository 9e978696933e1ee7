import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, type Engine, locateCriu, type Phase, rpc } from "criu-aware/driver";
import { requestTypes } from "../../criu/rpc/messages.ts";
import { runOptions } from "../../criu/rpc/options.ts";
import { Swrk } from "../../criu/rpc/swrk.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { endMarked } from "../../ffi/marked_process.ts";
import { adoptOrphans, awaitEnd } from "../../ffi/subreaper.ts";
import { dumpableEnv } from "../../tests/support/runtimes.ts";

/**
 * Our engines, and the recipe of today: an action script that kills with a signal and polls for a file. By "rpc, hooks alone"
 * CRIU asks at its hooks, is answered at once, and nobody is told: no driver by RPC can be faster.
 */
export const ways = ["rpc", "rpc, hooks alone", "rpc with manifest", "command", "recipe"] as const;
export type Way = (typeof ways)[number];
type Run = Way | "bare";

/** Before each measurement: CRIU leaves the kernel work behind, such as a network namespace, and the runtime of the victim is busy at first. */
const REST_MS = 100;

/** Milliseconds of one dump and one restore. */
export interface Measured {
  readonly dump: number;
  /** Until CRIU has ended. */
  readonly restore: number;
  /** Until the app says that it is rebuilt, where anybody asks. */
  readonly rebuilt?: number;
  /** The parts of a dump by one of our engines. */
  readonly phases?: Readonly<Record<"start → hook" | "notice → held" | "held → dumped", number>>;
}

/** The process that is dumped, and brought back, again and again. It keeps its pid. */
export class Victim implements Disposable {
  readonly #criu: string = locateCriu();
  readonly #engines: Partial<Record<Run, Engine>> = {
    rpc: rpc(),
    "rpc with manifest": rpc(),
    command: command(),
  };
  readonly #directory: string = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
  readonly #child: ChildProcess;

  readonly #libc: Libc;
  readonly #adoption: Disposable;
  #isRestored = false;

  private constructor(libc: Libc, command: readonly string[]) {
    this.#libc = libc;
    // What CRIU restores is to be reaped here: an init may take its time.
    this.#adoption = adoptOrphans(libc);
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
    const victim = new Victim(await openLibc(), command);
    while (!existsSync(victim.#path("ready"))) await sleep(5);
    return victim;
  }

  /** Dumps and restores once. */
  async measure(way: Run): Promise<Measured> {
    const imagesDir = this.#path("images");
    rmSync(this.#path("ready"), { force: true });
    await sleep(REST_MS);
    const started = performance.now();
    const phases = await this.#dump(way, imagesDir);
    const dump = performance.now() - started;
    await this.#gone();
    await sleep(REST_MS);
    const restored = await this.#restore(way, imagesDir);
    rmSync(imagesDir, { recursive: true });
    return { dump, ...restored, ...(phases ? { phases } : {}) };
  }

  [Symbol.dispose](): void {
    endMarked(this.#libc, this.#pid, this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
    this.#adoption[Symbol.dispose]();
  }

  get #pid(): number {
    return this.#child.pid as number;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  async #dump(way: Run, imagesDir: string): Promise<Measured["phases"]> {
    const engine = this.#engines[way];
    if (!engine) {
      await mkdir(imagesDir, { mode: 0o700 });
      if (way === "rpc, hooks alone") {
        await this.#request(requestTypes.dump, { ...runOptions(imagesDir, "dump.log", {}), pid: this.#pid });
        return undefined;
      }
      const script = way === "recipe" ? ["--action-script", this.#path("recipe.sh")] : [];
      await this.#run("dump", "--tree", String(this.#pid), "--images-dir", imagesDir, ...script);
      return undefined;
    }
    const times = new Map<Phase["name"], number>();
    const started = performance.timeOrigin + performance.now();
    const onPhase = ({ name, at }: Phase): void => void times.set(name, at);
    await engine.dump({ pid: this.#pid, imagesDir, manifest: hasManifest(way), onPhase });
    const [notice = 0, ready = 0, dumped = 0] = (["notice", "ready", "dumped"] as const).map((name) => times.get(name));
    return { "start → hook": notice - started, "notice → held": ready - notice, "held → dumped": dumped - ready };
  }

  async #restore(way: Run, imagesDir: string): Promise<Pick<Measured, "restore" | "rebuilt">> {
    const started = performance.timeOrigin + performance.now();
    const times = new Map<Phase["name"], number>();
    const engine = this.#engines[way];
    if (engine) {
      const onPhase = ({ name, at }: Phase): void => void times.set(name, at - started);
      await engine.restore({ imagesDir, force: !hasManifest(way), onPhase });
      return { restore: times.get("restored") ?? Number.NaN, rebuilt: times.get("rebuilt") ?? Number.NaN };
    }
    if (way === "rpc, hooks alone") {
      await this.#request(requestTypes.restore, runOptions(imagesDir, "restore.log", {}));
    } else await this.#run("restore", "--images-dir", imagesDir, "--restore-detached");
    return { restore: performance.timeOrigin + performance.now() - started };
  }

  async #request(type: number, opts: ReturnType<typeof runOptions>): Promise<void> {
    await using swrk = await Swrk.start(this.#criu, { type, opts: { ...opts, notifyScripts: true } });
    const { success } = await swrk.response();
    if (!success) throw new Error(`CRIU failed: ${swrk.stderr}`);
    // As the engine does.
    if (type === requestTypes.restore) await swrk.exited;
  }

  #run(...args: readonly string[]): Promise<void> {
    const child = spawn(this.#criu, args, { stdio: "ignore" });
    return new Promise((resolve, reject) => {
      child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`criu ${args[0]} failed: ${code}`))));
    });
  }

  /** Waits for the end of the dumped process: first of the one that was started here, then of those that were restored. */
  async #gone(): Promise<void> {
    if (this.#isRestored) return void (await awaitEnd(this.#libc, this.#pid));
    if (this.#child.signalCode === null) await new Promise((resolve) => this.#child.once("exit", resolve));
    this.#isRestored = true;
  }
}

/** The goals are about notice, hold and reply; what the manifest costs is measured apart. */
function hasManifest(way: Run): boolean {
  return way === "rpc with manifest";
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, type DumpOptions, type Engine, type RestoreResult, rpc, simulate } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { type Child, startProgram } from "../support/child.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import type { AppOptions } from "./app_options.ts";
import type { Cell } from "./kinds.ts";

const engines = { rpc, command, simulate };
/** Time enough for an app of a busy machine; a fault that makes somebody wait has a shorter one. */
const TIMEOUT_MS = 30_000;

/** On a busy machine a driver of its own may take long to start. */
const PATIENCE_MS = 50_000;

/** What came of a dump or a restore; without an error it was done. */
export interface End {
  readonly error?: Error;
  readonly restored?: RestoreResult;
  /** The driver of its own was killed. */
  readonly isKilled?: boolean;
}

/** One app with its driver, and all that belongs to them. */
export class Scene implements AsyncDisposable {
  readonly cell: Cell;
  readonly engine: Engine;
  readonly directory: string = temporaryDirectory().path;
  /** Where the marker or the socket of the app lies: a directory of its own. */
  readonly placeDirectory: string = join(this.directory, "place");
  readonly place: string = join(this.placeDirectory, "here");
  /** Images come below. */
  readonly imagesParent: string = join(this.directory, "parent");
  readonly imagesDir: string = join(this.imagesParent, "images");
  /** What a fault has to take away in any case. */
  readonly cleanup: AsyncDisposableStack = new AsyncDisposableStack();
  /** Where a fault keeps what it needs when it is lifted. */
  readonly kept: Map<string, unknown> = new Map();
  /** The driver that is a process of its own. */
  child: Child | undefined;
  #lifted = false;

  #app: App | undefined;

  private constructor(cell: Cell) {
    this.cell = cell;
    this.engine = engines[cell.engine]();
    for (const path of [this.placeDirectory, this.imagesParent]) mkdirSync(path, { mode: 0o700 });
  }

  /** Starts the app, and plays one round with it, so that it has all that it needs for one. */
  static async open(cell: Cell): Promise<Scene> {
    const { fault, strategy, runtime, phase } = cell;
    const scene = new Scene(cell);
    try {
      fault.prepare?.(scene);
      const { directory, place } = scene;
      const waits = fault.put === undefined ? undefined : waitsIn[phase];
      const does = waits ? { does: { [waits]: "waits" } } : {};
      const options: AppOptions = { directory, strategy, place, ...does, ...fault.app?.(cell) };
      const app = await App.start(runtime, options, "../faults/app.ts");
      scene.#app = app;
      await simulate().dump({ pid: app.pid, imagesDir: join(directory, "none"), leaveRunning: true, strategy });
      await app.goesOn();
      writeFileSync(scene.#armed, "");
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  get app(): App {
    return this.#app as App;
  }

  get #armed(): string {
    return join(this.directory, "armed");
  }

  get options(): DumpOptions {
    const { fault, strategy } = this.cell;
    const { pid } = this.app;
    return { pid, imagesDir: this.imagesDir, strategy, timeoutMs: TIMEOUT_MS, ...fault.dump };
  }

  /** Dumps, and puts the fault at its moment. */
  async dump(): Promise<End> {
    const { fault, phase, engine } = this.cell;
    if (fault.driver) return await this.#driveApart();
    const put = async (): Promise<void> => await fault.put?.(this);
    if (phase === "before") await put();
    const onHook = async (hook: string): Promise<void> => {
      if (hook === "pre-dump" && phase === "held") await put();
      if (hook === "post-dump" && phase === "frozen") await put();
    };
    const dump = ended(this.engine.dump({ ...this.options, onHook }).then(() => ({})));
    if (phase === "preparing" && fault.put) await this.#putWhileItWaits("before", dump);
    const end = await dump;
    if (engine === "simulate" && phase === "held" && !end.error) await put();
    return end;
  }

  /** Restores, and puts the fault at its moment. */
  async restore(isAgain = false): Promise<End> {
    const { fault, phase } = this.cell;
    const put = async (): Promise<void> => {
      if (!isAgain) await fault.put?.(this);
    };
    if (phase === "restoring" && !fault.restoringAt) await put();
    const onHook = async (hook: string): Promise<void> => {
      if (hook === fault.restoringAt && phase === "restoring") await put();
    };
    const { imagesDir } = this;
    const options = { imagesDir, timeoutMs: TIMEOUT_MS, ...(isAgain ? {} : fault.restore), onHook };
    const restore = ended(this.engine.restore(options).then((restored) => ({ restored })));
    if (phase === "recovering" && fault.put && !isAgain) await this.#putWhileItWaits("after", restore);
    return await restore;
  }

  /** Takes the fault away, and lets the app do as it should. */
  async lift(): Promise<void> {
    if (this.#lifted) return;
    this.#lifted = true;
    rmSync(this.#armed, { force: true });
    await this.cell.fault.lift?.(this);
  }

  /** Lets the app tell something by SIGUSR2, and waits until that is done. */
  async tellApp(): Promise<void> {
    process.kill(this.app.pid, "SIGUSR2");
    await this.app.event("done");
  }

  /** The app waits in its hook meanwhile: for the second time after the round that it has played already. */
  async #putWhileItWaits(event: "before" | "after", work: Promise<End>): Promise<void> {
    await Promise.race([this.app.event(event, 2, PATIENCE_MS), work]);
    await this.cell.fault.put?.(this);
    rmSync(this.#armed, { force: true });
  }

  async #driveApart(): Promise<End> {
    const { fault, phase, runtime } = this.cell;
    const temporary = join(this.directory, "temporary");
    mkdirSync(temporary, { mode: 0o700 });
    const script = join(import.meta.dirname as string, "driver.ts");
    const options = JSON.stringify(fault.driver?.(this.cell, this));
    const [program, ...args] = [...runCommand[runtime], script, options];
    this.child = startProgram(program as string, args, { TMPDIR: temporary });
    this.cleanup.use(this.child);
    const ending = this.child.ended.then(({ signal, stdout, stderr }): End => {
      if (signal === "SIGKILL") return { isKilled: true };
      const said = stdout.split("\n").find((line) => line.startsWith("{"));
      if (said) return { error: Object.assign(new Error(), JSON.parse(said)) };
      return stderr.includes("rror") ? { error: new Error(stderr) } : {};
    });
    const waits = waitsIn[phase];
    if (waits && fault.put) await this.#putWhileItWaits(waits === "afterRestore" ? "after" : "before", ending);
    return await ending;
  }

  /** What the images directory holds. */
  get hasImages(): boolean {
    return existsSync(join(this.imagesDir, "inventory.img"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lift();
    await this.cleanup.disposeAsync();
    await this.#app?.[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const waitsIn: Partial<Record<Cell["phase"], "beforeCheckpoint" | "afterRestore">> = {
  preparing: "beforeCheckpoint",
  recovering: "afterRestore",
};

async function ended(work: Promise<End>): Promise<End> {
  return await work.catch((error: Error) => ({ error }));
}

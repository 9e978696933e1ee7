import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { locateCriu, type Phase, rpc } from "criu-aware/driver";
import { startLazyPages } from "../../criu/lazy_pages.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { endMarked } from "../../ffi/marked_process.ts";
import { adoptOrphans, awaitEnd } from "../../ffi/subreaper.ts";
import { dumpableEnv } from "../../tests/support/runtimes.ts";
import { firstAnswer, timesOf } from "./first_answer.ts";
import type { Program, Start } from "./program.ts";
import type { ServerOptions, Times } from "./server.ts";

/** What a start writes to the disk, and what the one before has left to do, is done before the next. */
const REST_MS = 300;
const AGAIN_MS = 50;
const RECORDS = 20_000;
const WARM_UPS = 2_000;

/** Milliseconds of a start, to the first right answer. */
export interface Started {
  readonly answer: number;
  readonly times: Times;
}

/** Milliseconds of a restore: to the first right answer, to the start of CRIU and to its end, where that is known. */
export interface Restored {
  readonly answer: number;
  readonly begun?: number;
  readonly ended?: number;
}

/** Starts the program of a bench, dumps it, and restores it in all ways. One at a time: they have one port. */
export class Service implements Disposable {
  readonly #libc: Libc;
  readonly #adoption: Disposable;
  readonly #program: Program;
  readonly #port: number;
  readonly #directory: string = mkdtempSync(join(tmpdir(), "criu-aware-startup-"));
  readonly #criu: string = locateCriu();
  readonly #resident: ReturnType<typeof rpc> = rpc();
  /** Of all that was started here: what is restored has one of them. */
  readonly #pids = new Set<number>();

  private constructor(libc: Libc, program: Program, port: number) {
    this.#libc = libc;
    this.#program = program;
    this.#port = port;
    // What CRIU restores is to be reaped here: an init may take its time.
    this.#adoption = adoptOrphans(libc);
  }

  static async open(program: Program, port: number): Promise<Service> {
    return new Service(await openLibc(), program, port);
  }

  /** Starts it anew, and ends it. */
  async start({ command, env }: Start): Promise<Started> {
    const started = await this.#begin(command, env(), { warmUps: 0, trim: false });
    const answer = (await firstAnswer(this.#port, this.#program.total)) - started.at;
    const times = await timesOf(this.#port);
    await this.#end(started.child);
    return { answer, times };
  }

  /** Dumps it, warm, and resolves with where. */
  async dump({ command }: Start, trim: boolean): Promise<Image> {
    const { child } = await this.#begin(command, dumpableEnv, { warmUps: WARM_UPS, trim });
    await firstAnswer(this.#port, this.#program.total);
    const imagesDir = join(this.#directory, trim ? "trimmed" : "images");
    rmSync(imagesDir, { recursive: true, force: true });
    await this.#resident.dump({ pid: child.pid as number, imagesDir });
    await this.#gone(child);
    return { imagesDir, pid: child.pid as number };
  }

  /** By the command, started by `run`. */
  async byCommand({ imagesDir, pid }: Image, run: readonly string[], more: readonly string[]): Promise<Restored> {
    const trace = join(this.#directory, "trace.json");
    rmSync(trace, { force: true });
    const [program, ...args] = [...run, "restore", imagesDir, ...more] as [string, ...string[]];
    const at = performance.now();
    const child = spawn(program, more.includes("--trace") ? [...args, trace] : args, {
      stdio: ["ignore", "ignore", "inherit"],
      // A package has no CRIU of its own.
      env: { ...process.env, PATH: `${dirname(this.#criu)}:${process.env.PATH}` },
    });
    const answer = (await firstAnswer(this.#port, this.#program.total)) - at;
    await this.#gone(child);
    await this.#endRestored(pid);
    return { answer, ...(more.includes("--trace") ? partsIn(trace, performance.timeOrigin + at) : {}) };
  }

  /** By an engine of this process. */
  async byResident({ imagesDir, pid }: Image, lazy: boolean): Promise<Restored> {
    const times = new Map<Phase["name"], number>();
    const at = performance.now();
    const onPhase = (phase: Phase): void => void times.set(phase.name, phase.at - performance.timeOrigin - at);
    const restored = this.#resident.restore({ imagesDir, lazy, onPhase });
    const answer = (await firstAnswer(this.#port, this.#program.total)) - at;
    await restored;
    await this.#endRestored(pid);
    return { answer, begun: times.get("restoring") ?? Number.NaN, ended: times.get("restored") ?? Number.NaN };
  }

  /** By bare CRIU; with `lazy` its daemon is started first, and ends by itself. */
  async byCriu({ imagesDir, pid }: Image, lazy: boolean): Promise<Restored> {
    const workDir = mkdtempSync(join(this.#directory, "work-"));
    const at = performance.now();
    const daemon = lazy ? await this.#daemon(imagesDir, workDir) : undefined;
    const args = ["restore", "--restore-detached", "--images-dir", imagesDir, "--work-dir", workDir];
    const child = spawn(this.#criu, [...args, ...(lazy ? ["--lazy-pages"] : [])], { stdio: "ignore" });
    const answer = (await firstAnswer(this.#port, this.#program.total)) - at;
    await this.#gone(child);
    daemon?.release();
    await this.#endRestored(pid);
    return { answer };
  }

  [Symbol.dispose](): void {
    for (const pid of this.#pids) endMarked(this.#libc, pid, this.#program.directory);
    this.#adoption[Symbol.dispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #daemon(imagesDir: string, workDir: string): ReturnType<typeof startLazyPages> {
    return startLazyPages(this.#libc, this.#criu, { imagesDir, workDir, timeoutMs: 10_000 });
  }

  async #begin(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    { warmUps, trim }: Pick<ServerOptions, "warmUps" | "trim">,
  ): Promise<{ child: ChildProcess; at: number }> {
    await sleep(REST_MS);
    const options: ServerOptions = { port: this.#port, records: RECORDS, warmUps, trim };
    const at = performance.now();
    const child = spawn("setsid", [...command, JSON.stringify(options)], {
      stdio: ["ignore", "ignore", "ignore"],
      env: { ...process.env, ...env },
    });
    if (child.pid !== undefined) this.#pids.add(child.pid);
    return { child, at };
  }

  async #end(child: ChildProcess): Promise<void> {
    child.kill("SIGKILL");
    await this.#gone(child);
  }

  async #gone(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => child.once("exit", resolve));
  }

  async #endRestored(pid: number): Promise<void> {
    const end = (): void => endMarked(this.#libc, pid, this.#program.directory);
    end();
    // After a lazy restore the page with its command line may still be missing: it then shows none.
    const again = setInterval(end, AGAIN_MS);
    await awaitEnd(this.#libc, pid);
    clearInterval(again);
    await sleep(REST_MS);
  }
}

/** A dump, and the pid that it is restored with. */
export interface Image {
  readonly imagesDir: string;
  readonly pid: number;
}

/** When CRIU was started, and had ended, as the trace of a restore says. */
function partsIn(trace: string, at: number): Pick<Restored, "begun" | "ended"> {
  const { traceEvents } = JSON.parse(readFileSync(trace, "utf8"));
  const { ts, dur } = traceEvents.find(({ name }: { name: string }) => name === "CRIU restores");
  return { begun: ts / 1000 - at, ended: (ts + dur) / 1000 - at };
}

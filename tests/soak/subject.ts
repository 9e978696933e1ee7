import { join } from "node:path";
import type { Engine } from "criu-aware/driver";
import type { Libc } from "../../ffi/libc.ts";
import { awaitEnd } from "../../ffi/subreaper.ts";
import { App } from "../support/app.ts";
import { type Child, startProgram } from "../support/child.ts";
import { freePort } from "../support/free_port.ts";
import { type RuntimeName, runCommand } from "../support/runtimes.ts";
import { sleep } from "../support/time.ts";
import type { Facts } from "./facts.ts";
import { Lines } from "./lines.ts";
import type { Visits } from "./visitors.ts";

/** How long a life may take to say that all goes on. */
const LIFE_MS = 30_000;
const LAST_LINES = 10;

/** What one round took, in milliseconds, and told. */
export interface Round {
  readonly noticeId: string;
  /** Undefined when the app has said nothing. */
  readonly facts: Facts | undefined;
  readonly imageBytes: number;
  readonly times: Readonly<Record<TimeName, number>>;
  /** What it says it could not rebuild. */
  readonly errors: readonly string[];
}

/** From the notice to the answer; the whole dump; the whole restore, all rebuilt; from there until all goes on. */
export type TimeName = "prepare" | "dump" | "restore" | "goes on";

/** The busy app that is dumped and restored, with what is around it. It keeps its pid. */
export class Subject implements AsyncDisposable {
  readonly app: App;
  readonly #libc: Libc;
  readonly #lines: Lines;
  readonly #visitors: Child;
  readonly #held: AsyncDisposableStack;
  #isRestored = false;
  #last: readonly string[] = [];

  private constructor(libc: Libc, app: App, lines: Lines, visitors: Child, held: AsyncDisposableStack) {
    this.#libc = libc;
    this.app = app;
    this.#lines = lines;
    this.#visitors = visitors;
    this.#held = held;
  }

  /** `breaks`: see breaks.ts. */
  static async start(libc: Libc, runtime: RuntimeName, breaks?: string): Promise<Subject> {
    await using held = new AsyncDisposableStack();
    const servers = held.use(startHelper("servers.ts"));
    const { port: upstream } = JSON.parse(await servers.nextLine());
    const port = await freePort();
    const app = held.use(await App.start(runtime, { upstream, port, breaks }, "../soak/app.ts"));
    const lines = held.use(new Lines(join(app.directory, "output")));
    const visitors = held.use(startHelper("visitors.ts", app.pid, app.directory, port));
    return new Subject(libc, app, lines, visitors, held.move());
  }

  /** Dumps the app, which ends; restores it, and waits until it says how it is. `signal` cancels. */
  async round(engine: Engine, imagesDir: string, signal: AbortSignal): Promise<Round> {
    const { pid } = this.app;
    const started = performance.now();
    const { noticeId, noticeToReadyMs } = await engine.dump({ pid, imagesDir, signal });
    const dumped = performance.now();
    await this.#gone();
    const gone = performance.now();
    const { bytes, processes } = await engine.restore({ imagesDir, signal });
    const restored = performance.now();
    const facts = await this.#facts(noticeId, signal);
    const errors = processes.flatMap(({ errors }) => errors.map(({ message }) => message));
    const times = {
      prepare: noticeToReadyMs,
      dump: dumped - started,
      restore: restored - gone,
      "goes on": performance.now() - restored,
    };
    return { noticeId, facts, imageBytes: bytes, times, errors };
  }

  /** Ends what comes from outside, and says what became of it. */
  async visits(): Promise<Visits> {
    process.kill(this.#visitors.pid, "SIGTERM");
    const { stdout, stderr } = await this.#visitors.ended;
    if (stdout === "") throw new Error(`The visitors have said nothing: ${stderr}`);
    return JSON.parse(stdout);
  }

  /** What it has printed last that the soak does not know what to do with: of a crash, for instance. */
  get lastWords(): readonly string[] {
    return this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
    // Killed by that.
    if (this.#isRestored) await awaitEnd(this.#libc, this.app.pid).catch(() => {});
  }

  /** Waits for the end of the dumped process: first of the one that was started, then of those that were restored. */
  async #gone(): Promise<void> {
    if (this.#isRestored) await awaitEnd(this.#libc, this.app.pid);
    else await this.app.ended();
    this.#isRestored = true;
  }

  /** What the app says of the checkpoint by this notice. Of one that was refused it says something as well. */
  async #facts(noticeId: string, signal: AbortSignal): Promise<Facts | undefined> {
    for (const end = performance.now() + LIFE_MS; performance.now() < end; await sleep(2)) {
      signal.throwIfAborted();
      const lines = this.#lines.next();
      const lives = lines.filter((line) => line.startsWith('{"event":"life"')).map((line): Facts => JSON.parse(line));
      const found = lives.find((life) => life.noticeId === noticeId);
      if (found) return found;
      this.#last = [...this.#last, ...lines].slice(-LAST_LINES);
    }
    return undefined;
  }
}

/** A helper runs in Bun, whatever is soaked. */
function startHelper(script: string, ...args: (string | number)[]): Child {
  const [program, ...before] = runCommand.bun as [string, ...string[]];
  return startProgram(program, [...before, join(import.meta.dirname as string, script), ...args.map(String)]);
}

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock } from "../../ffi/clock.ts";
import type { Libc } from "../../ffi/libc.ts";
import { endMarked } from "../../ffi/marked_process.ts";
import { openProcess, type ProcessHandle } from "../../ffi/process.ts";
import { openShared, type SharedMemory, unlinkShared } from "../../ffi/shared_memory.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { notifyBySignal } from "../../strategies/signal/driver.ts";
import { encodeRequest } from "../../strategies/socket/protocol.ts";
import { dumpableEnv } from "../../tests/support/runtimes.ts";
import { type Arrivals, viewArrivals } from "./arrivals.ts";

/** The ways of a notice: our three, and what the runtime itself has. */
export const ways = [
  "signal",
  "signal with a notice",
  "signal, wake alone",
  "file",
  "file, wake alone",
  "socket",
  "socket, wake alone",
  "own signal",
  "own watcher",
  "own socket",
  "own open socket",
] as const;
/** `held` is an app by signal that notes when it is let go, not when it is notified. */
export type Way = (typeof ways)[number] | "held";

const SIGUSR2 = 12;

/** A receiver in its own process, and the means to notify it by its way. */
export class Sender implements Disposable {
  readonly way: Way;
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #staging: string;
  readonly #shared: string;
  readonly #memory: SharedMemory;
  readonly arrivals: Arrivals;
  readonly now: () => number;
  readonly #libc: Libc;
  #process: ProcessHandle | undefined;
  #page: DriverPage | undefined;
  #open: Socket | undefined;
  /** The notice before this one: a bare signal gets its id from the app. */
  #last = "";

  private constructor(libc: Libc, command: readonly string[], way: Way) {
    this.way = way;
    this.#libc = libc;
    this.now = createClock(libc);
    this.#directory = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
    this.#staging = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
    this.#shared = `criu-aware-bench-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
    this.#memory = openShared(libc, this.#shared, 4096);
    this.arrivals = viewArrivals(this.#memory.buffer);
    const [program, ...args] = command as [string, ...string[]];
    const receiver = join(import.meta.dirname as string, "receiver.ts");
    const receiverWay = way === "own open socket" ? "own socket" : way;
    // In its own session and without a terminal: CRIU is to dump it.
    this.#child = spawn("setsid", [program, ...args, receiver, receiverWay, this.#shared, this.#directory], {
      stdio: "ignore",
      env: { ...process.env, ...dumpableEnv },
    });
  }

  static async start(libc: Libc, command: readonly string[], way: Way): Promise<Sender> {
    const sender = new Sender(libc, command, way);
    await sender.#arrival(0);
    sender.#process = openProcess(libc, sender.pid);
    sender.#page = await DriverPage.open(sender.pid);
    if (way === "own open socket") {
      const socket = connect(join(sender.#directory, "socket"));
      await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
      sender.#open = socket;
    }
    return sender;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Waits until the process that was started here has ended and was reaped. */
  async ended(): Promise<void> {
    if (this.#child.signalCode === null) await new Promise((resolve) => this.#child.once("exit", resolve));
  }

  /** Gets an app held, and keeps it so. */
  async hold(): Promise<void> {
    using page = await DriverPage.open(this.pid);
    const reply = await notifyBySignal(page, { id: crypto.randomUUID(), leaseMs: 60_000 }, 5_000);
    if (reply?.reply !== "ready") throw new Error(`The app did not say ready: ${JSON.stringify(reply)}`);
  }

  /** Notifies once; resolves with the milliseconds from here to the first line of the receiver. */
  async notify(): Promise<number> {
    const before = this.arrivals.count;
    const id = crypto.randomUUID();
    const sentAt = this.#send(id);
    const at = await this.#arrival(before);
    await this.#settle();
    return at - sentAt;
  }

  #send(id: string): number {
    const path = join(this.#directory, "socket");
    const [page, receiver] = [this.#page as DriverPage, this.#process as ProcessHandle];
    // Written elsewhere: a watcher of the directory would otherwise be woken by the file before there is a marker.
    const [staged, marker] = [join(this.#staging, "marker"), join(this.#directory, "marker")];
    writeFileSync(staged, JSON.stringify({ id }));
    const sentAt = this.now();
    const sends: Record<Way, () => void> = {
      held: () => {},
      signal: () => page.process.kill(page.noticeSignal as number),
      "signal, wake alone": () => page.process.kill(page.noticeSignal as number),
      "signal with a notice": () => {
        page.leave({ id });
        page.process.kill(page.noticeSignal as number);
      },
      "own signal": () => receiver.kill(SIGUSR2),
      file: () => renameSync(staged, marker),
      "file, wake alone": () => renameSync(staged, marker),
      "own watcher": () => renameSync(staged, marker),
      socket: () => sendOnce(path, encodeRequest("checkpoint", { id })),
      "socket, wake alone": () => sendOnce(path, encodeRequest("checkpoint", { id })),
      "own socket": () => sendOnce(path, encodeRequest("checkpoint", { id })),
      "own open socket": () => void this.#open?.write(encodeRequest("checkpoint", { id })),
    };
    sends[this.way]();
    return sentAt;
  }

  /** Waits for the next arrival after `count`, and returns its time. */
  async #arrival(count: number): Promise<number> {
    for (const end = this.now() + 10_000; this.arrivals.count === count; ) {
      if (this.now() > end) throw new Error(`Nothing arrived by ${this.way} within 10 s`);
      // Asleep, so that the receiver has a core for itself: it notes the time, nobody has to watch.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return this.arrivals.at;
  }

  /** Lets an app go that is held, and a watcher finish with the events that belong together. */
  async #settle(): Promise<void> {
    if (this.#page) {
      const page = this.#page;
      const status = await page.until(({ state, activeId }) => state === "held" && activeId !== this.#last, 5_000);
      this.#last = status?.activeId ?? "";
      page.tell(this.#last, "aborted");
      await page.until(({ state }) => state === "running", 5_000);
    }
    do await new Promise((resolve) => setTimeout(resolve, 3));
    while (this.arrivals.busy);
  }

  [Symbol.dispose](): void {
    this.#open?.destroy();
    this.#page?.[Symbol.dispose]();
    this.#process?.[Symbol.dispose]();
    endMarked(this.#libc, this.pid, this.#directory);
    this.#memory[Symbol.dispose]();
    unlinkShared(this.#libc, this.#shared);
    for (const directory of [this.#directory, this.#staging]) rmSync(directory, { recursive: true, force: true });
  }
}

function sendOnce(path: string, line: string): void {
  const socket = connect(path, () => socket.write(line));
  socket.on("data", () => socket.destroy());
  socket.on("error", () => {});
  setTimeout(() => socket.destroy(), 20);
}

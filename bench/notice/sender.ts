import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock } from "../../ffi/clock.ts";
import type { Libc } from "../../ffi/libc.ts";
import { openProcess, type ProcessHandle } from "../../ffi/process.ts";
import { openShared, type SharedMemory, unlinkShared } from "../../ffi/shared_memory.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { replaceMarker } from "../../strategies/file/marker.ts";
import { encodeRequest } from "../../strategies/socket/protocol.ts";
import { type Arrivals, viewArrivals } from "./arrivals.ts";

/** The ways of a notice: our three, and what the runtime itself has. */
export const ways = ["signal", "file", "socket", "own signal", "own watcher", "own socket", "own open socket"] as const;
export type Way = (typeof ways)[number];

const SIGUSR2 = 12;

/** A receiver in its own process, and the means to notify it by its way. */
export class Sender implements Disposable {
  readonly way: Way;
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #shared: string;
  readonly #memory: SharedMemory;
  readonly #arrivals: Arrivals;
  readonly #libc: Libc;
  readonly #now: () => number;
  #process: ProcessHandle | undefined;
  #page: DriverPage | undefined;
  #open: Socket | undefined;

  private constructor(libc: Libc, command: readonly string[], way: Way) {
    this.way = way;
    this.#libc = libc;
    this.#now = createClock(libc);
    this.#directory = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
    this.#shared = `criu-aware-bench-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;
    this.#memory = openShared(libc, this.#shared, 4096);
    this.#arrivals = viewArrivals(this.#memory.buffer);
    const [program, ...args] = command as [string, ...string[]];
    const receiver = join(import.meta.dirname, "receiver.ts");
    const receiverWay = way === "own open socket" ? "own socket" : way;
    this.#child = spawn(program, [...args, receiver, receiverWay, this.#shared, this.#directory], { stdio: "inherit" });
  }

  static async start(libc: Libc, command: readonly string[], way: Way): Promise<Sender> {
    const sender = new Sender(libc, command, way);
    await sender.#arrival(0);
    const pid = sender.#child.pid as number;
    sender.#process = openProcess(libc, pid);
    if (!way.startsWith("own")) sender.#page = await DriverPage.open(pid);
    if (way === "own open socket") {
      const socket = connect(join(sender.#directory, "socket"));
      await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
      sender.#open = socket;
    }
    return sender;
  }

  /** Notifies once; resolves with the milliseconds from here to the first line of the receiver. */
  async notify(): Promise<number> {
    const before = this.#arrivals.count;
    const id = crypto.randomUUID();
    const sentAt = this.#send(id);
    const at = await this.#arrival(before);
    await this.#settle(id);
    return at - sentAt;
  }

  #send(id: string): number {
    const path = join(this.#directory, "socket");
    const [page, receiver] = [this.#page as DriverPage, this.#process as ProcessHandle];
    const sentAt = this.#now();
    const sends: Record<Way, () => void> = {
      signal: () => {
        page.leave({ id });
        page.process.kill(page.noticeSignal as number);
      },
      "own signal": () => receiver.kill(SIGUSR2),
      file: () => replaceMarker(join(this.#directory, "marker"), { id }),
      "own watcher": () => replaceMarker(join(this.#directory, "marker"), { id }),
      socket: () => sendOnce(path, encodeRequest("checkpoint", { id })),
      "own socket": () => sendOnce(path, encodeRequest("checkpoint", { id })),
      "own open socket": () => void this.#open?.write(encodeRequest("checkpoint", { id })),
    };
    sends[this.way]();
    return sentAt;
  }

  /** Waits for the next arrival after `count`, and returns its time. */
  async #arrival(count: number): Promise<number> {
    for (const end = this.#now() + 10_000; this.#arrivals.count === count; ) {
      if (this.#now() > end) throw new Error(`Nothing arrived by ${this.way} within 10 s`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.#arrivals.at;
  }

  /** Lets an app go that is held, and a watcher finish with the events that belong together. */
  async #settle(id: string): Promise<void> {
    if (this.#page) {
      const page = this.#page;
      await page.until(({ state, activeId }) => state === "held" && activeId === id, 5_000);
      page.tell(id, "aborted");
      await page.until(({ state }) => state === "running", 5_000);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }

  [Symbol.dispose](): void {
    this.#open?.destroy();
    this.#page?.[Symbol.dispose]();
    this.#process?.[Symbol.dispose]();
    this.#child.kill("SIGKILL");
    this.#memory[Symbol.dispose]();
    unlinkShared(this.#libc, this.#shared);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function sendOnce(path: string, line: string): void {
  const socket = connect(path, () => socket.write(line));
  socket.on("data", () => socket.destroy());
  socket.on("error", () => {});
  setTimeout(() => socket.destroy(), 20);
}

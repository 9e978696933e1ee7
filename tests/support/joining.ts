/** Starts workers that join, of either kind. */
import { fileURLToPath } from "node:url";
import { Worker as NodeWorker } from "node:worker_threads";
import type { Told } from "./joined_worker.ts";
import { waitFor } from "./time.ts";

/** How a worker is made. */
export const workerKinds = ["Worker", "node:worker_threads"] as const;
export type WorkerKind = (typeof workerKinds)[number];

/** What a worker has said. */
export interface Said {
  readonly event: string;
  readonly [detail: string]: unknown;
}

/** A worker under test. */
export interface TestWorker extends AsyncDisposable {
  readonly said: Said[];
  tell(told: Told): void;
  /** Waits for the n-th event (from 1) of a name. */
  event(name: string, n?: number): Promise<Said>;
  named(name: string): Said[];
  readonly ticks: number;
  /** Ends what it does since it was told to block. */
  unblock(): void;
  /** Waits until its event loop turns. */
  goesOn(): Promise<void>;
}

type JoinOptions = Omit<Extract<Told, object>, "join">;

/** Starts a worker that has not joined, with the name that its runtime knows. */
export async function startWorker(kind: WorkerKind = "Worker", name = ""): Promise<TestWorker> {
  const said: Said[] = [];
  const url = new URL("./joined_worker.ts", import.meta.url);
  const { post, end } = kind === "Worker" ? web(url, name, said) : node(url, name, said);
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const named = (name: string): Said[] => said.filter(({ event }) => event === name);
  const worker: TestWorker = {
    said,
    tell: (told) => post(typeof told === "object" ? { ...told, join: shared } : told),
    async event(name, n = 1) {
      // Twenty at once take long to start.
      await waitFor(`event ${n} "${name}" of the worker`, () => named(name).length >= n, 30_000);
      return named(name)[n - 1] as Said;
    },
    named,
    get ticks() {
      return Atomics.load(shared, 0);
    },
    unblock() {
      Atomics.store(shared, 1, 1);
      Atomics.notify(shared, 1);
    },
    async goesOn() {
      const before = worker.ticks;
      await waitFor("the worker to go on", () => worker.ticks > before, 30_000);
    },
    [Symbol.asyncDispose]: end,
  };
  await worker.event("started");
  return worker;
}

/** Starts a worker that has joined, and counts. */
export async function startJoined(options: JoinOptions = {}, kind: WorkerKind = "Worker"): Promise<TestWorker> {
  const worker = await startWorker(kind);
  worker.tell({ ...options, join: new Int32Array() });
  await worker.event("joined");
  await worker.goesOn();
  return worker;
}

interface Started {
  readonly post: (told: unknown) => void;
  readonly end: () => Promise<void>;
}

function web(url: URL, name: string, said: Said[]): Started {
  const worker = new Worker(url, { type: "module", name });
  worker.onmessage = ({ data }: MessageEvent<Said>) => said.push(data);
  worker.onerror = ({ message }) => said.push({ event: "error", message });
  return { post: (told) => worker.postMessage(told), end: async () => worker.terminate() };
}

function node(url: URL, name: string, said: Said[]): Started {
  const worker = new NodeWorker(fileURLToPath(url.href), { name });
  worker.on("message", (data: Said) => said.push(data));
  worker.on("error", ({ message }) => said.push({ event: "error", message }));
  return { post: (told) => worker.postMessage(told), end: async () => void (await worker.terminate()) };
}

import { join } from "node:path";
import { Worker as NodeWorker } from "node:worker_threads";
import type { Answer, Question } from "./busy_worker.ts";

/** A worker that counts and answers. */
export interface BusyWorker {
  readonly name: string;
  /** Whether it stands still while the app is held. */
  readonly isHeld: boolean;
  /** How far it has counted. */
  readonly beats: number;
  square(n: number): Promise<Answer>;
}

/** Starts one that has joined, and one that has not; resolves once both are ready. */
export async function startWorkers(): Promise<readonly BusyWorker[]> {
  const web = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const node = new NodeWorker(join(import.meta.dirname as string, "node_worker.ts"));
  return await Promise.all([
    start(
      "worker",
      true,
      (data) => web.postMessage(data),
      (take) => {
        web.onmessage = ({ data }) => take(data);
      },
    ),
    start(
      "worker of node",
      false,
      (data) => node.postMessage(data),
      (take) => void node.on("message", take),
    ),
  ]);
}

async function start(
  name: string,
  isHeld: boolean,
  ask: (question: Question) => void,
  listen: (take: (data: Answer | "ready") => void) => void,
): Promise<BusyWorker> {
  const waiting = new Map<number, (answer: Answer) => void>();
  const shared = new SharedArrayBuffer(4);
  const beats = new Int32Array(shared);
  await new Promise<void>((resolve) => {
    listen((data) => {
      if (data === "ready") return resolve();
      waiting.get(data[0])?.(data);
      waiting.delete(data[0]);
    });
  });
  ask(shared);
  return {
    name,
    isHeld,
    get beats() {
      return Atomics.load(beats, 0);
    },
    square(n) {
      ask(n);
      return new Promise((resolve) => waiting.set(n, resolve));
    },
  };
}

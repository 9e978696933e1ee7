/** A worker of node:worker_threads that has not joined, and goes on in the hold: it counts, and squares numbers. */
import { parentPort } from "node:worker_threads";
import { busy } from "./busy_worker.ts";

const answer = busy((data) => parentPort?.postMessage(data));
parentPort?.on("message", answer);
parentPort?.postMessage("ready");

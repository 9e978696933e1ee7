/** A worker that is held with the main thread: it counts, and squares numbers. */
import { joinWorker } from "criu-aware/worker";
import { busy } from "./busy_worker.ts";

declare const self: Worker;
await joinWorker();
const answer = busy((data) => self.postMessage(data));
self.onmessage = ({ data }) => answer(data);
self.postMessage("ready");

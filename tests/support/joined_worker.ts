/** A worker that joins, counts in shared memory, and says what it is told to. */
import { joinWorker } from "../../resources/uniqueness/mod.ts";

declare const self: { onmessage: unknown };
let ticks: Int32Array;
self.onmessage = async ({ data }: { data: Int32Array | "leave" | "block" }) => {
  if (data === "leave") {
    (await joinWorker())[Symbol.dispose]();
    return postMessage("left");
  }
  if (data === "block") {
    postMessage("blocked");
    for (const end = performance.now() + 400; performance.now() < end; );
    return;
  }
  ticks = data;
  await joinWorker();
  await joinWorker();
  setInterval(() => Atomics.add(ticks, 0, 1), 1);
  postMessage("joined");
};

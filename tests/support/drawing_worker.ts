/** Draws from every generator when it is asked to. */
import { joinWorker } from "criu-aware/worker";
import { drawAll } from "./draws.ts";

declare const self: { onmessage: unknown };
const ready = process.env.UNIQUENESS === "none" ? undefined : joinWorker();
self.onmessage = async () => {
  await ready;
  postMessage({ draws: await drawAll({ quick: 50, slow: 20 }) });
};

/** Draws from every generator, on the main thread, in a worker that was there at the dump and in one that is new. With UNIQUENESS=none nothing is renewed. */
import { attach } from "criu-aware";
import { uniqueness } from "criu-aware/resources/uniqueness";
import { signal } from "criu-aware/strategies/signal";
import { drawFromClients } from "./drawing_clients.ts";
import { drawFromPackages, resetPackages } from "./drawing_packages.ts";
import { drawAll } from "./draws.ts";

const isCured = process.env.UNIQUENESS !== "none";
const times = isCured ? { quick: 1000, slow: 50 } : { quick: 20, slow: 20 };
const agent = await attach({ strategies: [signal()] });
if (isCured) agent.register(uniqueness({ reset: resetPackages }));
const early = startWorker();
// Every generator, and every thread of a pool, has a state by then.
await Promise.all([drawAll(times), drawIn(early)]);
await drawFromClients();
drawFromPackages();

export async function draw(): Promise<Record<string, unknown>> {
  const late = startWorker();
  const ofThreads = { main: drawAll(times), "early worker": drawIn(early), "late worker": drawIn(late) };
  const draws: Record<string, unknown> = { ...drawFromPackages() };
  for (const [thread, all] of Object.entries(ofThreads)) {
    for (const [name, values] of Object.entries(await all)) draws[`${thread}: ${name}`] = values;
  }
  return { ...draws, ...(await drawFromClients()) };
}

function startWorker(): Worker {
  return new Worker(new URL("./drawing_worker.ts", import.meta.url), { type: "module" });
}

function drawIn(worker: Worker): Promise<Record<string, string[]>> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => data.draws && resolve(data.draws);
    worker.onerror = (error) => reject(new Error(error.message));
    worker.postMessage("draw");
  });
}

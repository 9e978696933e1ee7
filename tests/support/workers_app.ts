/** An app with workers: two that have joined, of either kind, and one that has not, until SIGUSR2. */
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { blockers } from "criu-aware/blockers";
import { workers } from "criu-aware/resources/workers";
import { signal } from "criu-aware/strategies/signal";
import { startJoined, startWorker } from "./joining.ts";

const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

// Before the main thread attaches.
const joined = [await startJoined({ name: "web" }), await startJoined({ name: "node" }, "node:worker_threads")];
const other = await startWorker();
other.tell("idle");

const agent = await attach({ strategies: [signal()], onError: ({ message }) => say("error", { message }) });
const ticks = (): number[] => joined.map((worker) => worker.ticks);
let atHold: number[] = [];
let rounds = 0;
agent.register({
  name: "observer",
  tier: "runtime",
  // Registered before workers(): it prepares after them, and is rebuilt before they go on.
  beforeCheckpoint() {
    atHold = ticks();
  },
  afterRestore: ({ outcome }) => say("released", { outcome, beats: ticks().map((now, n) => now - (atHold[n] ?? 0)) }),
});
agent.register(workers({ strict: true }));
agent.register({
  name: "afterwards",
  async afterRestore() {
    rounds++;
    await Promise.all(joined.map((worker) => worker.event("after", rounds)));
    await Promise.all(joined.map((worker) => worker.goesOn()));
    const told = joined.map((worker) => worker.named("after").map(({ outcome, generation }) => [outcome, generation]));
    say("went on", { told });
  },
});
process.on("SIGUSR2", async () => {
  await other[Symbol.asyncDispose]();
  say("ended");
});
process.on("SIGWINCH", () => say("tick"));
setInterval(() => {}, 1000);
const own = (await blockers(agent)).filter(({ kind }) => kind === "worker").map(({ what }) => what);
say("attached", { pid: process.pid, own });

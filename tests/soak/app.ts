/**
 * The busy app of the soak: it trains, counts, has timers, workers, clients and a server, and says after each restore how all of it is.
 * Options in JSON.
 */
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { allocateBuffers, defineState, host, openState, scalar, tensor } from "criu-aware/gpu";
import { connections } from "criu-aware/resources/connections";
import { gpu } from "criu-aware/resources/gpu";
import { uniqueness } from "criu-aware/resources/uniqueness";
import { signal } from "criu-aware/strategies/signal";
import { serve } from "../support/ordinary_app/serve.ts";
import { sleep } from "../support/time.ts";
import { breakOn } from "./breaks.ts";
import { openClients } from "./clients.ts";
import type { Counter, Facts } from "./facts.ts";
import { digestOf, firstWeights, train, WEIGHTS } from "./weights.ts";
import { startWorkers } from "./workers.ts";

const STEP_MS = 10;
/** A timer that is set before a dump: it has fallen due when the app comes back. */
const TIMER_MS = 20;
/** How long the app waits for what should go on. */
const LIFE_MS = 10_000;

interface Options {
  /** The port of the servers that it is a client of, and its own. */
  readonly upstream: number;
  readonly port: number;
  readonly breaks?: string;
}

const options: Options = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

const schema = defineState({ weights: tensor("u32", [WEIGHTS]), step: scalar("u32") });
const device = host();
const state = await openState(schema);
const buffers = await allocateBuffers(device, schema);
buffers.weights.current.array.set(firstWeights());

const counts = { interval: 0, promises: 0, "training steps": 0 };
const workers = await startWorkers();
const clients = openClients(options.upstream);
serve(options.port, ({ url }) => new Response(String(Number(new URL(url).pathname.slice(1)) + 1)));

let isTraining = true;
setInterval(() => counts.interval++, 1);
setInterval(() => {
  if (!isTraining) return;
  train(buffers.weights.current.array);
  const [step = 0] = buffers.step.current.array;
  buffers.step.current.array[0] = counts["training steps"] = step + 1;
}, STEP_MS);
async function spin(): Promise<void> {
  for (; ; counts.promises++) await new Promise((resolve) => setTimeout(resolve, 1));
}
void spin();

/** All that counts, as it is now. */
function look(): Map<string, number> {
  return new Map([...Object.entries(counts), ...workers.map(({ name, beats }) => [name, beats] as const)]);
}

const hooks = { beforeCheckpoint: 0, beforeHold: 0, afterRestore: 0 };
const timers = { set: 0, fired: 0 };
let [atHold, atRelease] = [look(), look()];
let atDump = { step: 0, digest: "" };

await attach({
  strategies: [signal()],
  resources: [
    {
      // The last before the hold, and the first after it.
      name: "observer",
      tier: "runtime",
      beforeHold() {
        hooks.beforeHold++;
        atHold = look();
      },
      afterRestore() {
        atRelease = look();
      },
    },
    uniqueness(),
    gpu({ device, state, buffers }),
    connections(),
    {
      name: "training",
      beforeCheckpoint() {
        hooks.beforeCheckpoint++;
        isTraining = false;
        atDump = { step: buffers.step.current.array[0] as number, digest: digestOf(buffers.weights.current.array) };
        timers.set++;
        setTimeout(() => timers.fired++, TIMER_MS);
      },
      afterRestore({ noticeId, outcome, generation }) {
        hooks.afterRestore++;
        breakOn(options.breaks, buffers.weights.current.array);
        const digests = { before: atDump.digest, after: digestOf(buffers.weights.current.array) };
        isTraining = true;
        void live({ noticeId, outcome, generation, step: atDump.step, digests });
      },
    },
  ],
});

/** Waits until everything has gone on for a while, and says how it is. What does not go on is seen by its numbers. */
async function live(known: Pick<Facts, "noticeId" | "outcome" | "generation" | "step" | "digests">): Promise<void> {
  const goesOn = (): boolean => [...look()].every(([name, count]) => count > (atRelease.get(name) ?? 0));
  const end = performance.now() + LIFE_MS;
  while (!(goesOn() && timers.fired >= timers.set) && performance.now() < end) await sleep(2);
  const n = known.generation;
  const answers: Record<string, { is: string; wanted: string }> = {};
  const ids: string[] = [crypto.randomUUID()];
  const ask = async (name: string, wanted: string, question: Promise<string>): Promise<void> => {
    const late = sleep(LIFE_MS).then(() => "nothing in time");
    const failed = (error: Error): string => [error, ...(error.cause ? [error.cause] : [])].join(": ");
    answers[name] = { is: await Promise.race([question.catch(failed), late]), wanted };
  };
  const square = async (worker: (typeof workers)[number]): Promise<string> => {
    const [, square, id] = await worker.square(n);
    if (worker.isHeld) ids.push(id);
    return String(square);
  };
  await Promise.all([
    ...workers.map((worker) => ask(worker.name, String(n * n), square(worker))),
    ...Object.entries(clients).map(([name, client]) => ask(name, `${name} ${n}`, client(`${name} ${n}`))),
  ]);
  const now = look();
  const counters: Record<string, Counter> = {};
  for (const [name, count] of now) {
    const isHeld = workers.find((worker) => worker.name === name)?.isHeld ?? true;
    counters[name] = { atHold: atHold.get(name) ?? 0, atRelease: atRelease.get(name) ?? 0, now: count, isHeld };
  }
  const facts: Facts = { event: "life", ...known, hooks: { ...hooks }, counters, timers: { ...timers }, answers, ids };
  say(facts.event, facts);
}

// Connected by then.
await Promise.all(Object.values(clients).map((client) => client("first")));
say("attached");

/** A worker, of either kind, that joins, counts in shared memory, and does what it is told to. What happens to it is said in messages. */
import { parentPort } from "node:worker_threads";
import { joinWorker } from "criu-aware/worker";
import type { Resource } from "../../lifecycle/types.ts";

/** What a hook of the worker does. */
export type Doing = "fails" | "hangs" | "waits" | "blocks";

/** What the worker is told. */
export type Told =
  | {
      readonly join: Int32Array;
      readonly name?: string;
      readonly before?: Doing;
      readonly after?: Doing;
      readonly hookTimeoutMs?: number;
    }
  | "idle"
  | "again"
  | "leave"
  | "block"
  | "held";

declare const self: { onmessage: unknown };
const say = (message: object): void => postMessage(message);
let ticks: Int32Array;

const doings: Record<Doing, () => void | Promise<void>> = {
  fails: () => {
    throw new Error("the disk is full");
  },
  hangs: () => new Promise<void>(() => {}),
  waits: () => new Promise<void>((resolve) => setTimeout(resolve, 50)),
  blocks: () => {
    for (const end = performance.now() + 400; performance.now() < end; );
  },
};

async function obey(told: Told): Promise<void> {
  if (typeof told === "object") {
    const { join, before, after, ...options } = told;
    ticks = join;
    const resource: Resource = {
      name: "cache",
      beforeCheckpoint({ noticeId, criuOptions }) {
        say({ event: "before", noticeId, criuOptions, ticks: Atomics.load(ticks, 0) });
        return before && doings[before]();
      },
      afterRestore({ outcome, generation, frozenMs, simulated }) {
        say({ event: "after", outcome, generation, frozen: frozenMs > 0, simulated, ticks: Atomics.load(ticks, 0) });
        return after && doings[after]();
      },
    };
    const { isHeld } = await joinWorker({ ...options, resources: [resource] });
    setInterval(() => Atomics.add(ticks, 0, 1), 1);
    return say({ event: "joined", isHeld });
  }
  if (told === "again") {
    const resource = { name: "second", beforeCheckpoint: () => say({ event: "second" }) };
    const [one, other] = await Promise.all([joinWorker(), joinWorker({ resources: [resource] })]);
    return say({ event: "again", isSame: one === other });
  }
  if (told === "leave") (await joinWorker())[Symbol.dispose]();
  if (told === "held") return say({ event: "held", isHeld: (await joinWorker()).isHeld });
  say({ event: told });
  if (told === "block") doings.blocks();
}

if (parentPort) parentPort.on("message", obey);
else self.onmessage = ({ data }: { data: Told }) => obey(data);
say({ event: "started" });

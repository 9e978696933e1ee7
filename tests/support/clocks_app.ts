/** An app whose timers fall due while it is an image: it says which, when they do, and what its clocks say. */
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { clocks } from "criu-aware/resources/clocks";
import { signal } from "criu-aware/strategies/signal";
import { Cron } from "croner";
import { LRUCache } from "lru-cache";

/** Of the timers, from the notice on. */
const DUE_MS = 400;
const INTERVAL_MS = 50;

const { laterMs }: { readonly laterMs: number } = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
/** By how much the monotonic clock is behind the time of day. */
const behindMs = (): number => Date.now() - (performance.timeOrigin + performance.now());

const agent = await attach({ strategies: [signal()] });
const clock = clocks({ onClockWentBack: (byMs) => say("back", { byMs }) });
agent.register(clock);
const cache = new LRUCache<string, string>({ max: 2, ttl: DUE_MS });
let armed = 0;
let intervals = 0;
agent.register({
  name: "timers",
  beforeCheckpoint() {
    const round = ++armed;
    const fired = (name: string) => () => say("fired", { name, round, intervals });
    cache.set("key", "value");
    setTimeout(fired("timeout"), DUE_MS);
    AbortSignal.timeout(DUE_MS).addEventListener("abort", fired("signal"));
    new Cron(new Date(Date.now() + DUE_MS), fired("cron"));
    clock.wallClockTimeout(Date.now() + DUE_MS, fired("date"));
    setTimeout(() => say("later", { name: "timeout" }), laterMs);
    clock.wallClockTimeout(Date.now() + laterMs, () => say("later", { name: "date" }));
    intervals = 0;
  },
  afterRestore: ({ frozenMs }) => say("after", { frozenMs, uptimeMs: clock.uptimeSinceRestore }),
});
setInterval(() => intervals++, INTERVAL_MS);
process.on("SIGWINCH", () =>
  say("tick", { behindMs: behindMs(), monotonicMs: performance.now(), isCached: cache.has("key") }),
);
say("attached");

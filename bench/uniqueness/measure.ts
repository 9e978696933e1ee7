/** Measures one runtime, and prints what it found as JSON. */
import nodeCrypto from "node:crypto";
import { uniqueness } from "../../resources/uniqueness/mod.ts";

/** Nanoseconds a draw; and milliseconds. */
export interface Measured {
  readonly draws: Record<string, { readonly before: number[]; readonly after: number[] }>;
  readonly renewMs: number[];
}

const ROUNDS = 60;
const RENEWALS = 11;
/** Long enough for the clock, short enough that what disturbs hits few rounds. */
const DRAWS = 20_000;
const WARM_UP = 5 * DRAWS;

const ways: Record<string, string> = {
  "getRandomValues, 16 bytes": "crypto.getRandomValues(bytes)",
  "crypto.randomUUID": "crypto.randomUUID()",
  "node:crypto randomBytes(16)": "nodeCrypto.randomBytes(16)",
  "Math.random": "Math.random()",
};

/** In a loop of its own, as in a program: what it calls is then known to the compiler. */
function samplesOf(draw: string): number[] {
  const text = `let last; const started = performance.now(); for (let n = 0; n < draws; n++) last = ${draw}; return [performance.now() - started, last];`;
  const loop = new Function("draws", "bytes", "nodeCrypto", text) as (...args: unknown[]) => [ms: number];
  const bytes = new Uint8Array(16);
  loop(WARM_UP, bytes, nodeCrypto);
  return Array.from({ length: ROUNDS }, () => (loop(DRAWS, bytes, nodeCrypto)[0] * 1e6) / DRAWS);
}

const samplesOfAll = (): [name: string, samples: number[]][] =>
  Object.entries(ways).map(([name, draw]) => [name, samplesOf(draw)]);

const before = Object.fromEntries(samplesOfAll());
const resource = uniqueness();
const renewMs: number[] = [];
for (let n = 0; n < RENEWALS; n++) {
  const context = { noticeId: "bench", criuOptions: [], timeoutMs: 1000, signal: new AbortController().signal };
  await resource.beforeCheckpoint?.(context);
  const started = performance.now();
  resource.afterRestore?.({ ...context, outcome: "restored", generation: 1, simulated: false, frozenMs: 0 });
  renewMs.push(performance.now() - started);
}
const draws = Object.fromEntries(
  samplesOfAll().map(([name, after]) => [name, { before: before[name] as number[], after }]),
);
console.log(JSON.stringify({ draws, renewMs } satisfies Measured));

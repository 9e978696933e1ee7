/** An app that nobody has to hold: it says what its hooks are told, what `passive()` and weak evidence say, and draws at random. */
import { writeSync } from "node:fs";
import { attach, type Resource } from "criu-aware";
import {
  type ClockReading,
  compareClocks,
  compareMounts,
  compareNetwork,
  type MountReading,
  type NetworkAddress,
  readClocks,
  readMounts,
  readNetwork,
} from "criu-aware/evidence";
import { uniqueness } from "criu-aware/resources/uniqueness";
import { passive } from "criu-aware/strategies/passive";
import { signal } from "criu-aware/strategies/signal";

interface Readings {
  readonly clocks: ClockReading;
  readonly mounts: readonly MountReading[];
  readonly network: readonly NetworkAddress[];
}

interface Options {
  readonly intervalMs?: number;
  /** Lets the preparation of `second` wait for SIGWINCH. */
  readonly waits?: boolean;
  /** What another process has read. */
  readonly before?: Readings;
  readonly toleranceMs?: number;
}

const {
  intervalMs = 50,
  waits = false,
  toleranceMs = 60_000,
  ...options
}: Options = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

const recorder = (name: string, waits: boolean, more: Partial<Resource> = {}): Resource => ({
  name,
  timeoutMs: 60_000,
  async beforeCheckpoint() {
    say("before", { name });
    if (waits) await new Promise((resolve) => process.once("SIGWINCH", resolve));
  },
  afterRestore: ({ outcome, generation, unprepared }) =>
    say("after", { name, outcome, generation, unprepared, state: agent.state }),
  ...more,
});

const restores = passive({
  intervalMs,
  onRestore: ({ generation }) =>
    say("restore", { generation, state: agent.state, outcome: agent.lastOutcome, drawn: crypto.randomUUID() }),
});
const agent = await attach({ strategies: [signal(), restores], onError: ({ message }) => say("error", { message }) });
for (const resource of [uniqueness(), recorder("second", waits), recorder("first", false, { tier: "runtime" })]) {
  agent.register(resource);
}
const read = async (): Promise<Readings> => ({
  clocks: await readClocks(),
  mounts: readMounts(),
  network: readNetwork(),
});
const readings = await read();
const before = options.before ?? readings;
process.on("SIGWINCH", async () => {
  const checked = restores.check();
  const now = await read();
  say("tick", {
    checked,
    state: agent.state,
    generation: agent.generation,
    restoredAt: agent.restoredAt,
    clocks: compareClocks(before.clocks, now.clocks, { toleranceMs }),
    mounts: compareMounts(before.mounts, now.mounts),
    network: compareNetwork(before.network, now.network),
  });
});
// From here on the generator has a state, which every copy of this process would go on with.
crypto.randomUUID();
setInterval(() => {}, 1000);
say("attached", { readings });

/**
 * An app with a secret and work in flight, for tests with CRIU. Options in JSON: `secretFile`, where the secret is; `careless` keeps it
 * in an array of its own. When a notice comes a piece of work is under way, and another one comes a little later.
 */
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { attach } from "criu-aware";
import { gate } from "criu-aware/resources/gate";
import { readiness } from "criu-aware/resources/readiness";
import { secrets } from "criu-aware/resources/secrets";
import { trim } from "criu-aware/resources/trim";
import { signal } from "criu-aware/strategies/signal";

const { secretFile, careless } = JSON.parse(process.argv[2] as string) as { secretFile: string; careless?: boolean };
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function readSecret(): Uint8Array {
  const file = openSync(secretFile, "r");
  const bytes = new Uint8Array(new ArrayBuffer(fstatSync(file).size));
  readSync(file, bytes);
  closeSync(file);
  return bytes;
}

const agent = await attach({ strategies: [signal()] });
const health = readiness(agent);
const work = gate();
const keys = secrets({ names: ["one"], fetch: readSecret });
for (const resource of [trim(), keys, work]) agent.register(resource);
await keys.load();
const kept = careless ? readSecret() : undefined;

const doWork = (what: string): Promise<void> =>
  work.run(async () => {
    say("begins", { what, generation: agent.generation });
    await sleep(100);
    const bytes = await keys.use("one", ({ length }) => length);
    say("ends", { what, bytes, generation: agent.generation });
  });
agent.register({
  name: "busy",
  beforeCheckpoint() {
    void doWork("early");
    setTimeout(doWork, 10, "late");
  },
  afterRestore: () => say("rebuilding", { ready: health.ready }),
});
agent.register({
  name: "observer",
  tier: "runtime",
  beforeHold: () => say("holding", { inside: work.inside, ready: health.ready }),
});
process.on("SIGWINCH", () => say("tick", { ready: health.ready, kept: kept?.length }));
setInterval(() => {}, 1000);
say("attached", { pid: process.pid });

/** An app that warms up, comes to its point, and says what became of it. Options in JSON. */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { attach } from "criu-aware";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";

interface Options {
  readonly directory: string;
  /** How long it warms up, in milliseconds. @default 0 */
  readonly warmMs?: number;
  readonly timeoutMs?: number;
  /** Signals that it listens to. */
  readonly listensTo?: readonly NodeJS.Signals[];
  /** In which hook it sends itself SIGTERM. */
  readonly endsIn?: "beforeCheckpoint" | "beforeHold";
}

const { directory, warmMs = 0, listensTo = [], endsIn, ...options }: Options = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

for (const name of listensTo) process.on(name, () => say("signal", { name }));
const strategies = [signal(), file({ path: join(directory, "marker") }), socket({ path: join(directory, "socket") })];
const agent = await attach({ strategies });
agent.register({
  name: "a",
  beforeCheckpoint() {
    say("before");
    if (endsIn === "beforeCheckpoint") process.kill(process.pid, "SIGTERM");
  },
  beforeHold() {
    if (endsIn === "beforeHold") process.kill(process.pid, "SIGTERM");
  },
  afterRestore: ({ outcome, generation }) => say("after", { outcome, generation }),
});
process.on("SIGWINCH", () => say("tick", { state: agent.state, generation: agent.generation }));
setInterval(() => {}, 1000);
say("attached", { pid: process.pid });
setTimeout(async () => say("outcome", { outcome: await agent.point(options) }), warmMs);

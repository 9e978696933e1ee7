/** An app that holds something that CRIU cannot dump, or that only looks like it: `{ "holds": [NAME, …] }`. */
import { writeSync } from "node:fs";
import type { Socket } from "node:net";
import { attach } from "criu-aware";
import { unblocked } from "criu-aware/blockers";
import { signal } from "criu-aware/strategies/signal";
import { openHolds } from "./blocked_holds.ts";

interface Options {
  readonly directory: string;
  readonly holds?: readonly string[];
  /** Attaches, with a resource that refuses what blocks. */
  readonly attached?: boolean;
  /** What its own hook does: fetches from the port `at`, or closes what it holds only a moment after it is done. */
  readonly hook?: "fetches" | "closesLater";
  /** What a hold needs to know: a port, a path. */
  readonly at?: string | number;
}

const options: Options = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

const holds = await openHolds(options.directory, options.at ?? "", say);
const held: unknown[] = [];
if (options.attached) {
  const agent = await attach({ strategies: [signal()], onError: () => {} });
  if (options.hook !== "fetches") agent.register(unblocked());
  agent.register({
    name: "hook",
    async beforeCheckpoint() {
      if (options.hook === "fetches") await (await fetch(`http://127.0.0.1:${options.at}/`)).text();
      if (options.hook === "closesLater") setTimeout(() => (held[0] as Socket).destroy(), 30);
    },
  });
  agent.register({ name: "outcome", afterRestore: ({ outcome }) => say("outcome", { outcome }) });
}
let fails = "";
try {
  for (const name of options.holds ?? []) held.push(await holds[name]?.());
} catch (error) {
  fails = String(error);
}
process.on("SIGWINCH", () => say("tick", { held: held.length }));
setInterval(() => {}, 1000);
say("attached", { fails });

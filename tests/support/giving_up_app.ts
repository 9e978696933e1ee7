/** An app of which a resource cannot be rebuilt, with `onRestoreError: "exit"`. Options in JSON. */
import { attach } from "../../attach.ts";
import { attach as attachToNothing } from "../../simulate.ts";
import { signal } from "../../strategies/signal/agent.ts";

interface Options {
  /** `played` without Linux, `alone` by a hold that is over at once, `driven` by whoever notifies it. */
  readonly how: "played" | "alone" | "driven";
  readonly outcome?: "restored" | "continued" | "aborted";
  /** @default "exit" */
  readonly choice?: "report";
  /** So many bytes are written before the end. */
  readonly writes?: number;
  /** A listener of the end throws. */
  readonly throws?: boolean;
}

const { how, outcome = "restored", choice, writes = 0, throws }: Options = JSON.parse(process.argv[2] as string);
const resource = {
  name: "database",
  async afterRestore(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    process.stdout.write("x".repeat(writes));
    throw new Error("no route");
  },
};
const options = {
  strategies: [signal()],
  resources: [resource],
  onRestoreError: choice ?? "exit",
  onError: (): void => {},
} as const;
process.on("SIGTERM", () => console.log("SIGTERM"));
process.on("exit", (code) => {
  if (writes === 0) console.log(`exit ${code}`);
  if (throws) throw new Error("the listener cannot do its work");
});
if (how === "played") {
  const agent = await attachToNothing(options);
  console.log(await agent.checkpoint({ outcome }));
} else {
  const agent = await attach(options);
  setInterval(() => {}, 1000);
  if (how === "driven") console.log("attached");
  else agent.deliver({ id: "alone" }, { reply() {}, hold: () => ({ outcome, simulated: false }) });
}

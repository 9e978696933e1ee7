/** An app that is dumped and restored. What it says goes to its log, one word a line. */
import { attach } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

const agent = await attach({ strategies: [signal()] });
agent.register({ name: "log", afterRestore: ({ outcome }) => console.log(`${outcome} ${agent.generation}`) });
setInterval(() => {}, 1000);

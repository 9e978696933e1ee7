/** Attaches, and starts one short-lived child after the other: between fork and exec each has the descriptors of the app. */
import { spawn } from "node:child_process";
import { attach } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

await using agent = await attach({ strategies: [signal()], leaseMs: 20_000 });
console.log(agent.state);
const startNext = (): void => void spawn("true", { stdio: "ignore" }).once("exit", startNext);
for (let i = 0; i < 4; i++) startNext();
await new Promise(() => {});

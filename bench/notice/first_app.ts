/** An app that says how long attach() took, in milliseconds, and then waits for its first notice. Argument: whether attach() rehearses. */
import { attach } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

const before = performance.now();
const agent = await attach({ strategies: [signal()], rehearse: process.argv[2] === "true" });
console.log(performance.now() - before);
agent.register({ name: "a", beforeCheckpoint() {}, afterRestore() {} });
setInterval(() => {}, 1000);

/** Attaches by a strategy at a path, `told_app.ts socket|file PATH`, and prints what its hooks are told. */
import { attach } from "criu-aware";
import { file } from "criu-aware/strategies/file";
import { socket } from "criu-aware/strategies/socket";

const [kind, path] = process.argv.slice(2) as [string, string];
const agent = await attach({ strategies: [kind === "file" ? file({ path }) : socket({ path })], leaseMs: 20_000 });
agent.register({
  name: "told",
  beforeCheckpoint: () => console.log("before"),
  afterRestore: ({ outcome }) => console.log(outcome),
});
process.on("SIGWINCH", () => console.log(`told nothing more: ${agent.state}`));
console.log("attached");
setInterval(() => {}, 1000);

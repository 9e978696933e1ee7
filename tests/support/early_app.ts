/** Attaches at the top level of a module, registers one resource directly after it, and prints who was asked. Arguments: STRATEGY PATH LEASE_MS. */
import { attach } from "../../attach.ts";
import { file } from "../../strategies/file/agent.ts";
import { signal } from "../../strategies/signal/agent.ts";
import { socket } from "../../strategies/socket/agent.ts";

const [kind, path, leaseMs] = process.argv.slice(2) as [string, string, string];
const strategy = {
  file: () => file({ path }),
  signal: () => signal({ bareLeaseMs: Number(leaseMs) }),
  socket: () => socket({ path }),
}[kind];
if (!strategy) throw new Error(`There is no strategy ${kind}.`);
const alive = setInterval(() => {}, 1000);
const agent = await attach({ strategies: [strategy()], leaseMs: Number(leaseMs) });
agent.register({
  name: "first",
  beforeCheckpoint: () => console.log("asked"),
  afterRestore() {
    console.log("told");
    clearInterval(alive);
    setTimeout(() => agent[Symbol.asyncDispose](), 20);
  },
});
console.log("attached");

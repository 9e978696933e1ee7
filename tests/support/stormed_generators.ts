/** Renews the generators of its main thread again and again, while signals that it handles interrupt all its other threads. */
import { generators } from "#generators";
import { openLibc } from "../../ffi/libc.ts";
import { attach } from "../../mod.ts";
import { signal } from "../../strategies/signal/agent.ts";

const ROUNDS = 10;

await attach({ strategies: [signal()] });
const libc = await openLibc();
generators.replace();
const storm = new Worker(new URL("./thread_storm.ts", import.meta.url), { type: "module" });
await new Promise((resolve) => {
  storm.onmessage = resolve;
});
for (let round = 0; round < ROUNDS; round++) generators.renew(libc);
console.log("renewed");
process.exit(0);

/** An app with memory to lose: `{ "filledMiB": N }`. SIGUSR2 has it read all and say the sum. */
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

const { filledMiB } = JSON.parse(process.argv[2] as string) as { readonly filledMiB: number };
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
const memory = Uint32Array.from({ length: filledMiB * 2 ** 18 }, (_, i) => Math.imul(i, 2654435761));
const sum = (): number => memory.reduce((total, value) => (total + value) % 2 ** 32, 0);

await attach({ strategies: [signal()] });
process.on("SIGWINCH", () => say("tick"));
process.on("SIGUSR2", () => say("summed", { sum: sum() }));
setInterval(() => {}, 1000);
say("attached", { sum: sum() });

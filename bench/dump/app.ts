/** The app that is dumped: it takes notices by signal, and does as the recipe of today wants: `app.ts READY_FILE`. */
import { writeFileSync } from "node:fs";
import { attach } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

const ready = process.argv[2] as string;
const agent = await attach({ strategies: [signal()] });
agent.register({ name: "bench", beforeCheckpoint: () => {}, afterRestore: () => {} });
process.on("SIGUSR2", () => writeFileSync(ready, ""));
setInterval(() => {}, 1000);
writeFileSync(ready, "");

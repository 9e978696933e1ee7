/** A service that has worked for a while: `app.ts READY_FILE trimmed|as it is`. */
import { writeFileSync } from "node:fs";
import { attach } from "criu-aware";
import { trim } from "criu-aware/resources/trim";
import { signal } from "criu-aware/strategies/signal";

const [ready, how] = process.argv.slice(2) as [string, string];
const agent = await attach({ strategies: [signal()] });
if (how === "trimmed") agent.register(trim());

/** What it keeps, and requests that leave garbage behind. */
const cache = new Map<number, object>();
for (let id = 0; id < 20_000; id++) cache.set(id, { id, name: `record ${id}`, tags: [`a${id % 7}`, `b${id % 11}`] });
for (let request = 0; request < 2_000; request++) {
  const page = [...cache.values()].slice(request, request + 50);
  JSON.parse(JSON.stringify({ page, request }));
}
setInterval(() => cache.size, 1000);
writeFileSync(ready, "");

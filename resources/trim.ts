/**
 * A resource that makes the image of a Deno app smaller: it collects all garbage before the dump.
 *
 * In Deno it needs no permission.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Resource } from "../lifecycle/types.ts";

/** V8's own function, as `--expose-gc` shows it. */
type Collect = (options?: { type: "major"; execution: "sync"; flavor: "regular" | "last-resort" }) => void;

/**
 * Collects all garbage of the main thread in the last moment of the preparation. Bytes decide how long a restore takes, and next to
 * half of the memory of a warm Deno service is garbage, and what V8 keeps for later. It takes some tenths of a second in which
 * nothing else runs.
 *
 * In Bun it does nothing: there a full collection frees next to nothing, and what would free more drops compiled code. Workers are
 * not collected.
 *
 * Register it first of all: it is then prepared last, when the other resources have let go.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { trim } from "criu-aware/resources/trim";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(trim());
 * ```
 */
export function trim(): Resource {
  return {
    name: "trim",
    tier: "runtime",
    beforeCheckpoint() {
      if (process.versions.deno) collect();
    },
  };
}

function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  gc();
  // Drops as well what was kept for the case that it is needed again.
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}

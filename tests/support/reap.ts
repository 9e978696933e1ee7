import process from "node:process";
import { openLibc } from "../../ffi/libc.ts";
import { childrenOf } from "../../ffi/process_tree.ts";
import { adoptOrphans, awaitEnd } from "../../ffi/subreaper.ts";

/**
 * From now on adopts what tests leave without a parent, processes that CRIU restored above all, and reaps it at once: an init
 * may take a second for each, and CRIU cannot restore a pid that a zombie still has. `known` is a child of somebody else's care.
 */
export async function reapOrphans(known: () => number | undefined): Promise<void> {
  const libc = await openLibc();
  adoptOrphans(libc);
  const awaited = new Set<number>();
  setInterval(() => {
    for (const pid of childrenOf(process.pid) ?? []) {
      if (pid === known() || awaited.has(pid)) continue;
      awaited.add(pid);
      void awaitEnd(libc, pid)
        .catch(() => {})
        .finally(() => awaited.delete(pid));
    }
  }, 50);
}

import type { RestoreResult } from "../driver/engine.ts";
import { endTrees } from "../ffi/end_tree.ts";
import type { Libc } from "../ffi/libc.ts";
import { openProcess } from "../ffi/process.ts";
import { isInTree, processTree } from "../ffi/process_tree.ts";
import { awaitEnd } from "../ffi/subreaper.ts";

/**
 * Ends a restored tree, and what of it has lost its parent, and waits until their pids are free. This process must have been the parent
 * of orphans while it was restored: of others is not known whether they have the pids by now.
 */
export async function endRestored(libc: Libc, { pid, processes }: RestoreResult): Promise<void> {
  using held = new DisposableStack();
  const roots = [...new Set([pid, ...processes.map((process) => process.pid)])].flatMap((member) => {
    try {
      const root = held.use(openProcess(libc, member));
      return isInTree(member, process.pid) ? [root] : [];
    } catch {
      // It has ended.
      return [];
    }
  });
  const members = new Set([pid, ...roots.flatMap((root) => processTree(root.pid))]);
  await endTrees(libc, roots);
  // Those that are not children of this process, or not any more, have been waited for by somebody else.
  for (const member of members) await awaitEnd(libc, member).catch(() => {});
}

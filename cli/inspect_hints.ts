import type { Blocker } from "../blockers/mod.ts";
import { looksAttached } from "../driver/attached.ts";
import { describeStandstill } from "../driver/paused.ts";
import { whyNoRoot } from "../driver/root_of_tree.ts";
import type { AttachedProcess } from "../driver/status.ts";
import { printable } from "../ffi/printable.ts";
import { processState } from "../ffi/process.ts";

/** More names than anybody reads. */
const MOST_NAMES = 8;

/** What `inspect` says beside the blockers. */
export interface Hints {
  /** The processes that could not be dumped, or not answer a notice, as they are now. */
  readonly standstill: readonly { readonly pid: number; readonly why: string }[];
  readonly notes: readonly string[];
}

/** Looks at what a dump of this tree would meet beside blockers; the root comes first in `pids`. */
export async function hintsOf(
  pids: readonly number[],
  attached: readonly AttachedProcess[],
  blocking: readonly Blocker[],
): Promise<Hints> {
  const root = pids[0] as number;
  const standstill = attached.flatMap(({ pid, standstill }) =>
    standstill ? [{ pid, why: describeStandstill(standstill, pid) }] : [],
  );
  if (/[ZX]/.test(processState(root))) {
    standstill.push({
      pid: root,
      why: "it has ended, and waits for its parent to take note: there is nothing to dump",
    });
  }
  const why = whyNoRoot(root);
  if (why !== undefined) standstill.push({ pid: root, why });
  const notes = [...notesOnPages(pids, attached), ...notesOnPoints(attached), ...notesOnResources(attached, blocking)];
  return { standstill, notes };
}

/** A tree of which nobody would be told. */
function notesOnPages(pids: readonly number[], attached: readonly AttachedProcess[]): string[] {
  if (attached.length > 0) return [];
  const borrower = pids.find(looksAttached);
  const shown =
    borrower === undefined
      ? ""
      : ` Process ${borrower} only has the page of another program, from which it was started.`;
  return [`No process of the tree is attached: nobody is told of a dump, which needs --unaware.${shown}`];
}

function notesOnPoints(attached: readonly AttachedProcess[]): string[] {
  return attached
    .filter(({ atPoint }) => atPoint)
    .map(({ pid }) => `Process ${pid} is at its point (agent.point()): it is prepared, and held until it is dumped.`);
}

/** What blocks now need not block then. */
function notesOnResources(attached: readonly AttachedProcess[], blocking: readonly Blocker[]): string[] {
  return attached.flatMap(({ pid, atPoint, resources }) => {
    if (atPoint || resources.length === 0 || !blocking.some((blocker) => blocker.pid === pid)) return [];
    const names = resources.slice(0, MOST_NAMES).map((name) => printable(name));
    if (resources.length > MOST_NAMES) names.push(`${resources.length - MOST_NAMES} more`);
    return [
      `Process ${pid} has resources that may release some of this before a dump: ${names.join(", ")}. ` +
        "A dump is refused when they do not, and the app goes on.",
    ];
  });
}

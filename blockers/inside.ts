import type { Agent } from "../attach.ts";
import { flagOf } from "../criu/options.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";
import { processTree } from "../ffi/process_tree.ts";
import type { Resource } from "../lifecycle/types.ts";
import type { Blocker } from "./kinds.ts";
import { type FindOptions, scanBlockers } from "./scan.ts";

/** What this process, or a child of it, holds would make the dump fail. */
export class BlockedError extends Error {
  override readonly name = "BlockedError";
  readonly blockers: readonly Blocker[];

  constructor(blockers: readonly Blocker[]) {
    super(
      `${blockers.length === 1 ? "one thing blocks" : `${blockers.length} things block`} a dump: ${blockers.map((blocker) => describeBlocker(blocker)).join("; ")}`,
    );
    this.blockers = blockers;
  }
}

/** The other side of a blocker, safe to print; "" when there is none, or `what` says it already. */
export function otherSide({ what, who }: Pick<Blocker, "what" | "who">): string {
  const other = printable(who, LONGEST_MESSAGE);
  return what.includes(other) ? "" : other;
}

/** A blocker and its cure, in one line that is safe to print. What is `about` its process already does not name it again. */
export function describeBlocker(blocker: Blocker, about?: number): string {
  const { pid, fd, what, cure } = blocker;
  const owner = pid === about ? "" : `process ${pid}`;
  const place = [fd === undefined ? "" : `descriptor ${fd}`, owner].filter(Boolean).join(" of ");
  const other = otherSide(blocker);
  const flags = cure.options.map(flagOf).join(" or ");
  return `${place ? `${place}: ` : ""}${what}${other ? `, ${other}` : ""} (${cure.advice}${flags ? `; or ${flags}` : ""})`;
}

/**
 * What this process and its children hold that would make a dump fail. The app does not know how much more is dumped with it: what may
 * be inside of the tree is only a warning here.
 *
 * @throws {Error} when the agent is detached.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { blockers } from "criu-aware/blockers";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * for (const { what, cure } of await blockers(agent)) console.warn(what, cure.advice);
 * ```
 */
export async function blockers(agent?: Agent, options: FindOptions = {}): Promise<Blocker[]> {
  if (agent?.state === "detached") throw new Error("Cannot look for blockers: the agent is detached.");
  return scanBlockers(await openLibc(), processTree(process.pid), options, true);
}

/**
 * A resource that refuses the checkpoint with everything that blocks it: in tier `runtime`, so that it looks when all other resources
 * have let go.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { unblocked } from "criu-aware/blockers";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(unblocked());
 * ```
 */
export function unblocked(options: FindOptions = {}): Resource {
  let libc: Libc | undefined;
  // An attached process has it: nothing has to be awaited later, between the look and the hold.
  openLibc().then(
    (opened) => {
      libc = opened;
    },
    () => {},
  );
  const look = (libc: Libc, names: readonly string[]): void => {
    const criuOptions = options.criuOptions ?? names;
    const found = scanBlockers(libc, processTree(process.pid), { ...options, criuOptions }, true).filter(
      ({ blocking }) => blocking,
    );
    if (found.length > 0) throw new BlockedError(found);
  };
  return {
    name: "unblocked",
    tier: "runtime",
    beforeCheckpoint({ criuOptions }): void | Promise<void> {
      if (libc) look(libc, criuOptions);
      else return openLibc().then((opened) => look(opened, criuOptions));
    },
  };
}

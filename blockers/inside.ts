import type { Agent } from "../attach.ts";
import { flagOf } from "../criu/options.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";
import { processTree } from "../ffi/process_tree.ts";
import type { Resource } from "../lifecycle/types.ts";
import type { Blocker, Cure } from "./kinds.ts";
import { type FindOptions, scanBlockers } from "./scan.ts";

const LOOKS = 8;
const BETWEEN_LOOKS_MS = 25;
/** Of the things with the same cure: a reason has room for a few hundred characters, and the cure is the most of it. */
const MOST_NAMED = 2;

/** What this process, or a child of it, holds would make the dump fail. */
export class BlockedError extends Error {
  /** @ignore */
  override readonly name = "BlockedError";
  /** Each of them, warnings left out. */
  readonly blockers: readonly Blocker[];

  /** @ignore */
  constructor(blockers: readonly Blocker[]) {
    super(
      `${blockers.length === 1 ? "one thing blocks" : `${blockers.length} things block`} a dump: ${[...byCure(blockers)]
        .map(([cure, things]) => `${describeThings(things)} → ${cure}`)
        .join(". ")}`,
    );
    this.blockers = blockers;
  }
}

function describeThings(things: readonly Blocker[]): string {
  const named = things.slice(0, MOST_NAMED).map((blocker) => describeThing(blocker));
  const more = things.length - named.length;
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join("; ");
}

/** The other side of a blocker, safe to print; "" when there is none, or `what` says it already. */
export function otherSide({ what, who }: Pick<Blocker, "what" | "who">): string {
  const other = printable(who, LONGEST_MESSAGE);
  return what.includes(other) ? "" : other;
}

/** A blocker and its cure, in one line that is safe to print. What is `about` its process already does not name it again. */
export function describeBlocker(blocker: Blocker, about?: number): string {
  return `${describeThing(blocker, about)} → ${describeCure(blocker.cure)}`;
}

/** Blockers by what cures them, so that each cure is told once, however many they are. */
export function byCure(blockers: readonly Blocker[]): Map<string, Blocker[]> {
  return Map.groupBy(blockers, ({ cure }) => describeCure(cure));
}

/** The same as `describeBlocker`, without the cure. */
export function describeThing(blocker: Blocker, about?: number): string {
  const { pid, fd, what } = blocker;
  const owner = pid === about ? "" : `process ${pid}`;
  const place = [fd === undefined ? "" : `descriptor ${fd}`, owner].filter(Boolean).join(" of ");
  const other = otherSide(blocker);
  return `${place ? `${place}: ` : ""}${what}${other ? `, ${other}` : ""}`;
}

/** What to do in the app, and then the options of CRIU that help as well, with what they cost. */
export function describeCure({ advice, options, caution }: Cure): string {
  const flags = options.map(flagOf).join(" or ");
  return `${advice}${flags ? `; or ${flags}` : ""}${caution ? `: ${caution}` : ""}`;
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
    const leaveRunning = options.leaveRunning ?? names.includes("leaveRunning");
    const found = scanBlockers(libc, processTree(process.pid), { ...options, criuOptions, leaveRunning }, true).filter(
      ({ blocking }) => blocking,
    );
    if (found.length > 0) throw new BlockedError(found);
  };
  return {
    name: "unblocked",
    tier: "runtime",
    async beforeCheckpoint({ criuOptions }): Promise<void> {
      const opened = libc ?? (await openLibc());
      // Many a close() is done before the descriptor is closed.
      for (let looks = LOOKS; ; looks--) {
        try {
          return look(opened, criuOptions);
        } catch (error) {
          if (looks === 1) throw error;
          await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
        }
      }
    },
  };
}

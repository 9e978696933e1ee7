import { printable } from "../ffi/printable.ts";
import type { Outcome, State } from "../lifecycle/types.ts";
import type { Fields } from "./fields.ts";
import { outcomes, points, replies, states, texts } from "./layout.ts";

/** What a page shows at one moment. */
export interface PageStatus {
  readonly state: State;
  /** The notice that `reply` answers. */
  readonly activeId: string;
  readonly reply: (typeof replies)[number];
  /** Whether the app is at a point of its own, and whether a driver has taken it there. */
  readonly point: (typeof points)[number];
  readonly outcome: Outcome | undefined;
  readonly generation: number;
  /** Why `activeId` was refused, a reason each. */
  readonly refusal: readonly string[];
  /** Notices from senders without the right to. */
  readonly rejected: number;
  /** Signals that brought no notice, and were ignored. */
  readonly ignored: number;
}

/** A notice is named once; whoever names new ones all the time only wants to keep the reader. */
const MAX_LOOKS = 100;
const MAX_REASONS = 256;

/** Reads the status. Throws RangeError when a number on the page means nothing, or the page never stands still. */
export function readStatus(fields: Fields): PageStatus {
  const choose = <T extends readonly string[]>(
    name: "state" | "reply" | "outcome" | "point",
    choices: T,
  ): T[number] => {
    const choice = choices[fields.get(name)];
    if (choice === undefined) throw new RangeError(`its ${name} is unknown`);
    return choice;
  };
  for (let look = 0; look < MAX_LOOKS; look++) {
    const activeId = fields.text("activeId");
    // The other way round than the app writes: what is read after one of them is at least as new as that.
    const reply = choose("reply", replies);
    const state = choose("state", states);
    const outcome = choose("outcome", outcomes);
    const status = {
      activeId: printable(activeId),
      state,
      reply,
      point: state === "held" ? choose("point", points) : "none",
      outcome: outcome === "none" ? undefined : outcome,
      generation: fields.get("generation"),
      rejected: fields.get("rejected"),
      ignored: fields.get("ignored"),
      refusal: fields
        .text("refusal")
        .split("\n")
        .filter(Boolean)
        .slice(0, MAX_REASONS)
        .map((text) => printable(text, texts.refusal.bytes)),
    };
    // The app takes the old reply away before it names the next notice; the same id afterwards says that all belongs together.
    if (fields.text("activeId") === activeId) return status;
  }
  throw new RangeError("it changes all the time");
}

import { type Holds, holdsOf, kindsOf, leastIn, roundsBetween } from "../support/holds.ts";

/** What one kind of thing came to. */
export interface Grown {
  /** The least that there was soon after the start, and in the last rounds. */
  readonly early: number;
  readonly late: number;
  /** What comes to it with each round. */
  readonly perRound: number;
  /** Whether that is more than a process that leaks nothing comes to. */
  readonly isLeak: boolean;
}

/** What a process came to hold, and, where that is a leak of descriptors or mappings, of which kind. */
export interface ProcessGrowth extends Readonly<Record<keyof Holds, Grown>> {
  readonly kinds: readonly string[];
}

/** Fewer rounds do not show what a round leaves behind: the first ones count for nothing. */
const FEWEST = 30;

/** What comes and goes by itself, in all, and may come with each round; what is more than both is a leak. */
export interface Allowed {
  readonly inAll: number;
  readonly perRound: number;
}

/** How something has grown, of which there was so much in each round. */
export function grownIn(seen: readonly number[], allowed: Allowed): Grown {
  const { early, late } = leastIn(seen);
  const isKnown = seen.length >= FEWEST;
  const perRound = isKnown ? (late - early) / roundsBetween(seen.length) : 0;
  return { early, late, perRound, isLeak: isKnown && late - early > allowed.inAll && perRound > allowed.perRound };
}

/** What a process holds, round after round. */
export class Watch {
  readonly #pid: number | "self";
  readonly #allowed: Readonly<Record<keyof Holds, Allowed>>;
  readonly #seen: Holds[] = [];
  #early: ReadonlyMap<string, number> = new Map();
  #late: ReadonlyMap<string, number> = new Map();

  constructor(pid: number | "self", allowed: Readonly<Record<keyof Holds, Allowed>>) {
    this.#pid = pid;
    this.#allowed = allowed;
  }

  /** Looks at it; to be called at the same moment of each round. */
  look(): void {
    this.#seen.push(holdsOf(this.#pid));
    this.#late = kindsOf(this.#pid);
    if (this.#seen.length <= FEWEST / 3) this.#early = this.#late;
  }

  /** Undefined before the first look. */
  get growth(): ProcessGrowth | undefined {
    if (this.#seen.length === 0) return undefined;
    const of = (what: keyof Holds): Grown =>
      grownIn(
        this.#seen.map((held) => held[what]),
        this.#allowed[what],
      );
    const [descriptors, mappings] = [of("descriptors"), of("mappings")];
    const kinds = descriptors.isLeak || mappings.isLeak ? this.#newKinds() : [];
    return { descriptors, threads: of("threads"), mappings, rss: of("rss"), kinds };
  }

  #newKinds(): string[] {
    return [...this.#late].flatMap(([kind, count]) => {
      const was = this.#early.get(kind) ?? 0;
      return count > was ? [`${kind}: ${was} → ${count}`] : [];
    });
  }
}

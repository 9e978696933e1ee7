import { printable } from "../ffi/printable.ts";

/** What one copy drew, by names: each value as text. */
export type Draws = Readonly<Record<string, readonly string[]>>;

/** A name under which copies drew the same. */
export interface Collision {
  /** The name that `draw()` gave it. */
  readonly name: string;
  /** How many different values of that name more than one copy has. */
  readonly values: number;
  /** How many values of that name there are in all copies. */
  readonly of: number;
  /** One of them. */
  readonly example: string;
  /** The copies that have it: 1 is the first that was restored. */
  readonly clones: readonly number[];
}

/** The names under which two copies have a value in common. What one copy draws twice is its own affair. */
export function collisionsOf(copies: readonly Draws[]): Collision[] {
  const names = new Set(copies.flatMap((draws) => Object.keys(draws)));
  return [...names].flatMap((name) => {
    const holders = new Map<string, Set<number>>();
    let of = 0;
    copies.forEach((draws, index) => {
      for (const value of draws[name] ?? []) {
        of++;
        const known = holders.get(value) ?? new Set();
        holders.set(value, known.add(index + 1));
      }
    });
    const shared = [...holders].filter(([, clones]) => clones.size > 1);
    const [[example, clones] = []] = shared;
    return example === undefined || !clones ? [] : [{ name, values: shared.length, of, example, clones: [...clones] }];
  });
}

/** One line for people. */
export function describeCollision({ name, values, of, example, clones }: Collision): string {
  const which =
    clones.length > 4 ? `${clones.slice(0, 3).join(", ")} and ${clones.length - 3} more` : clones.join(", ");
  return `${printable(name)}: ${values} of ${of} values, such as ${printable(example, 60)} in the copies ${which}`;
}

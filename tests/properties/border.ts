/** What a border is here, and how its property is tried. */
import fc from "fast-check";

/** A place where the code takes something that it has not made itself, with what must hold there whatever comes. */
export interface Border {
  readonly name: string;
  /** So many inputs are tried in `npm test`. */
  readonly runs: number;
  /** Makes the property. What `cleanup` is given goes when it has been tried. */
  open(cleanup: AsyncDisposableStack): Property | Promise<Property>;
}

// What the inputs are is known to the property alone.
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Property = fc.IRawProperty<any, boolean>;

/** Which inputs are tried. */
export interface Inputs {
  readonly seed: number;
  readonly runs: number;
}

/** What came of it. */
export interface Tried {
  readonly runs: number;
  /** The smallest input found that fails, and how to try it again; undefined when none did. */
  readonly failure: string | undefined;
}

/** Tries the property of a border. */
export async function tryBorder(border: Border, { seed, runs }: Inputs): Promise<Tried> {
  await using cleanup = new AsyncDisposableStack();
  const property = await border.open(cleanup);
  const details = await fc.check(property, { seed, numRuns: runs });
  if (!details.failed) return { runs: details.numRuns, failure: undefined };
  const again = `npm run fuzz -- --only ${border.name} --seed ${seed}`;
  const { stack } = details.errorInstance as Error;
  return { runs: details.numRuns, failure: `${fc.defaultReportMessage(details)}\n${stack}\nTry it again by: ${again}` };
}

/** A seed that nobody has chosen. */
export function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

/** What two readings come to. */
export interface Evidence {
  /** Whether they look as if the process was restored between them. It may be wrong, either way. */
  readonly suggestsRestore: boolean;
}

/** What has come and what has gone between two readings; `keyOf` tells one from another. */
export function differences<T>(
  before: readonly T[],
  after: readonly T[],
  keyOf: (one: T) => string,
): { added: T[]; removed: T[] } {
  const without = (all: readonly T[], known: readonly T[]): T[] => {
    const keys = new Set(known.map(keyOf));
    return all.filter((one) => !keys.has(keyOf(one)));
  };
  return { added: without(after, before), removed: without(before, after) };
}

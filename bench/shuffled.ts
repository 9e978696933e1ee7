/** The same values in an order of chance: so nothing that is measured follows always on the same. */
export function shuffled<T>(values: readonly T[]): T[] {
  const drawn = values.map((value) => ({ value, at: Math.random() }));
  return drawn.sort((a, b) => a.at - b.at).map(({ value }) => value);
}

/** What the app can be told to do wrong, so that the soak is seen to find it: it does that in each life. */
const breaks: Readonly<Record<string, (weights: Uint32Array) => void>> = {
  bit(weights) {
    weights[0] = (weights[0] as number) ^ 1;
  },
};

export function breakOn(name: string | undefined, weights: Uint32Array): void {
  if (name !== undefined) (breaks[name] ?? unknown(name))(weights);
}

function unknown(name: string): never {
  throw new Error(`there is no break ${name}: there are ${Object.keys(breaks).join(", ")}`);
}

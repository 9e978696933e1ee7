/** A secret is not in this process now. */
export class SecretAwayError extends Error {
  /** @ignore */
  override readonly name = "SecretAwayError";
  /** Which one. */
  readonly secret: string;

  /** @ignore */
  constructor(secret: string) {
    super(
      `The secret ${secret} is not here: it was not fetched yet, or a checkpoint has erased it. use() waits for it; load() fetches all of them.`,
    );
    this.secret = secret;
  }
}

/** Secrets could not be fetched. What the fetching threw is not in here: it may hold what must not be printed. `onError` gets it. */
export class SecretFetchError extends Error {
  /** @ignore */
  override readonly name = "SecretFetchError";
  /** Which ones. */
  readonly secrets: readonly string[];

  /** @ignore */
  constructor(failures: readonly { readonly secret: string; readonly why: string }[]) {
    super(
      `Cannot fetch ${failures.map(({ secret, why }) => `the secret ${secret} (${why})`).join(", ")}: onError gets what was thrown, use() tries again`,
    );
    this.secrets = failures.map(({ secret }) => secret);
  }
}

/** Bytes that cannot be taken over. Its message is ours, and holds no value. */
export class UnusableBytesError extends TypeError {}

/** What was thrown, by its class and code alone: its text may hold the value. */
export function kindOf(thrown: unknown): string {
  if (thrown instanceof UnusableBytesError) return thrown.message;
  const { name, code } = Object(thrown);
  const words = [name, code].filter((word) => typeof word === "string" && /^[A-Za-z]\w{0,30}$/.test(word));
  return words.join(" ") || "an error";
}

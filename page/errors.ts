/** The page of a process cannot be used: it has none, it is not one of ours, or this process may not open it. */
export class PageError extends Error {
  /** @ignore */
  override readonly name = "PageError";
  /** The process whose page it is. */
  readonly pid: number;
  /** Why, for programs. */
  readonly code: "missing" | "forbidden" | "damaged";

  /** @ignore */
  constructor(pid: number, code: PageError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.pid = pid;
    this.code = code;
  }
}

/** What to do about a page that holds what no agent writes. */
export const OVERWRITTEN = "Something in the app has overwritten it: start the app again.";

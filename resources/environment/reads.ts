/** The first reading of a variable that has another value since. */
export interface StaleRead {
  /** The variable. */
  readonly name: string;
  /** Who read it, one frame on each line. */
  readonly stack: string;
}

/** Notes who reads which variable first. */
export class Reads {
  readonly #stacks = new Map<string, string>();
  #isPaused = false;

  readonly note = (name: string): void => {
    if (this.#isPaused || this.#stacks.has(name)) return;
    const holder = { stack: "" };
    Error.captureStackTrace(holder, this.note);
    // The first frame that is left is the function that was called to read; Deno has some of its own.
    const frames = holder.stack.split("\n").slice(2);
    this.#stacks.set(name, frames.filter((frame) => !frame.includes("(ext:")).join("\n"));
  };

  /** Runs what reads for our own purposes. */
  without<T>(work: () => T): T {
    this.#isPaused = true;
    try {
      return work();
    } finally {
      this.#isPaused = false;
    }
  }

  /** Those of these names that were read, and forgets all: from now on they have other values. */
  take(names: readonly string[]): StaleRead[] {
    const stale = names.flatMap((name) => {
      const stack = this.#stacks.get(name);
      return stack === undefined ? [] : [{ name, stack }];
    });
    this.#stacks.clear();
    return stale;
  }
}

/** Says on stderr what is to be read again; no values. */
export function printStale(reads: readonly StaleRead[]): void {
  for (const { name, stack } of reads) {
    console.warn(
      `criu-aware: ${name} has another value since the restore, and was read before. Read it again in afterRestore. It was read first:\n${stack}`,
    );
  }
}

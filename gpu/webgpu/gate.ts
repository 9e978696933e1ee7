/** Lets work through, and can be closed: then it waits for what is inside, and what comes waits outside. */
export class Gate {
  #inside = 0;
  #opened: Promise<void> | undefined;
  #open: (() => void) | undefined;
  #empty: (() => void) | undefined;

  /** Runs `work` once the gate is open. */
  async through<T>(work: () => T | Promise<T>): Promise<T> {
    while (this.#opened) await this.#opened;
    this.#inside++;
    try {
      return await work();
    } finally {
      this.#inside--;
      if (this.#inside === 0) this.#empty?.();
    }
  }

  /** Resolves once nothing is inside. */
  async close(): Promise<void> {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve;
    });
    if (this.#inside > 0) {
      await new Promise<void>((resolve) => {
        this.#empty = resolve;
      });
    }
  }

  open(): void {
    this.#open?.();
    this.#opened = undefined;
  }
}

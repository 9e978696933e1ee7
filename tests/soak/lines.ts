import { closeSync, openSync, readSync } from "node:fs";

/** Follows a file to which lines are added: reads each once. */
export class Lines implements Disposable {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(65_536);
  readonly #decoder = new TextDecoder();
  #position = 0;
  #rest = "";

  constructor(path: string) {
    this.#fd = openSync(path, "r");
  }

  /** The whole lines that have come since the last call. */
  next(): string[] {
    for (let read = -1; read !== 0; ) {
      read = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, this.#position);
      this.#position += read;
      this.#rest += this.#decoder.decode(this.#buffer.subarray(0, read), { stream: true });
    }
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

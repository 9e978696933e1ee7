import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { replaceFile } from "../../ffi/own_file.ts";

/**
 * Writes a file of mode 0600 whole, and durably (fsync), or leaves the one that is there. `check` looks at what was written before it
 * gets its name.
 */
export function writeWhole(path: string, pieces: Iterable<Uint8Array>, check?: (temporary: string) => void): void {
  replaceFile(path, (temporary) => {
    const fd = openSync(temporary, "wx", 0o600);
    try {
      for (const piece of pieces) {
        for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
      }
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    check?.(temporary);
  });
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

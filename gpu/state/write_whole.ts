import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Writes a file of mode 0600 whole, or leaves the one that is there: to a temporary name, fsync, rename. `check` looks at what was
 * written before it gets its name.
 */
export function writeWhole(path: string, pieces: Iterable<Uint8Array>, check?: (temporary: string) => void): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true });
  try {
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
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

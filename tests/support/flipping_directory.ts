/** Makes and removes a directory all the time: `flipping_directory.ts PATH`. */
import { mkdirSync, rmdirSync } from "node:fs";

const path = process.argv[2] as string;
console.log("flipping");
for (;;) {
  try {
    mkdirSync(path, 0o777);
    rmdirSync(path);
  } catch {
    // Somebody else has made it.
  }
}

import { dirname } from "node:path";

/** No project lies deeper, and each costs a look. */
const MOST = 64;

/** A directory and those above it, the nearest first. */
export function upwards(directory: string): string[] {
  const found = [directory];
  for (let at = directory; at !== dirname(at) && found.length < MOST; ) {
    at = dirname(at);
    found.push(at);
  }
  return found;
}

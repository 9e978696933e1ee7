import { readdirSync, readlinkSync } from "node:fs";

/** How many descriptors of this process link to something like `what`: a runtime opens some of its own whenever it likes. */
export function countDescriptors(what: RegExp): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return what.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

import { readlinkSync } from "node:fs";

/** The kernel's number of the thread that runs this JavaScript: not the main one in every test runner. */
export function threadId(): number {
  return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
}

/** Prints what changes when this process is restored: at the start and on SIGWINCH. */
import { writeSync } from "node:fs";
import { restoreSigns } from "../../ffi/process.ts";

const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
process.on("SIGWINCH", () => say("signs", restoreSigns()));
setInterval(() => {}, 1000);
say("signs", restoreSigns());
say("attached");

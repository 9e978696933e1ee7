/** Prints what changes when this process is restored: at the start and on SIGWINCH. */
import { writeSync } from "node:fs";
import { startTime, timeOffsets } from "../../ffi/process.ts";

const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
const sayThem = (): void => say("signs", { startTime: startTime("self"), timeNamespace: timeOffsets() });
process.on("SIGWINCH", sayThem);
setInterval(() => {}, 1000);
sayThem();
say("attached");

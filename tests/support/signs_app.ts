/** Prints what changes when this process is restored: at the start and on SIGWINCH. */
import { readlinkSync, writeSync } from "node:fs";
import { restoreSigns } from "../../ffi/restore_signs.ts";

const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
const namespace = (name: string): string => readlinkSync(`/proc/self/ns/${name}`);
const sayThem = (): void =>
  say("signs", { ...restoreSigns(), isForChildrenOnly: namespace("time") !== namespace("time_for_children") });
process.on("SIGWINCH", sayThem);
setInterval(() => {}, 1000);
sayThem();
say("attached");

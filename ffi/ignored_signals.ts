import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";

/** SIGPIPE and SIGXFSZ: the runtimes ignore them for themselves, and a program gets their defaults. */
const OF_THE_RUNTIME = [13, 25];

/** The signals that this process was started to ignore, by nohup(1) or a shell's `&` for instance: SigIgn in proc(5). */
export function ignoredSignals(): number[] {
  const mask = BigInt(`0x${statusField(readOrEmpty("/proc/self/status"), "SigIgn") ?? "0"}`);
  const isIgnored = (signal: number): boolean => ((mask >> BigInt(signal - 1)) & 1n) === 1n;
  return Array.from({ length: 64 }, (_, i) => i + 1).filter(
    (signal) => isIgnored(signal) && !OF_THE_RUNTIME.includes(signal),
  );
}

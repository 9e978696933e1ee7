import type { CriuError } from "../criu/errors.ts";
import { findCriu } from "../criu/locate.ts";
import { prefixOptions } from "../criu/places.ts";
import { tryCriu } from "../criu/trial.ts";
import { capabilityNames } from "../ffi/capabilities.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { statusField } from "../ffi/status_field.ts";
import { commandLine } from "../package/invocation.ts";
import type { Check } from "./check.ts";

/** What CRIU uses. */
const USED = [
  ...["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP"],
  ...[
    "CAP_NET_ADMIN",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_ADMIN",
    "CAP_SYS_RESOURCE",
    "CAP_CHECKPOINT_RESTORE",
  ],
];

/** Without these no dump works, unless CAP_CHECKPOINT_RESTORE is enough for it. */
const ALWAYS_USED = ["CAP_SYS_PTRACE", "CAP_SYS_ADMIN"];

/** The capabilities that CRIU uses and this process does not have. */
export function missingCapabilities(): string[] {
  const effective = statusField(readOrEmpty("/proc/self/status"), "CapEff") ?? "0";
  const held = capabilityNames(BigInt(`0x${effective}`));
  return USED.filter((name) => !held.includes(name));
}

/** Those of them that every dump needs. */
export function missingForAnyDump(): string[] {
  return missingCapabilities().filter((name) => ALWAYS_USED.includes(name));
}

/** The CRIU that is there, or why there is none that can be used: `named`, or one in these places. */
export function locationOf(named?: string, places?: readonly string[]): { check: Check; path?: string } {
  const name = "criu";
  try {
    const { path, version } = findCriu(named, places);
    return { path, check: { name, verdict: "ok", found: `${version}, ${path}` } };
  } catch (error) {
    const { message, explanation } = error as CriuError;
    if (!explanation) return { check: { name, verdict: "fails", found: message } };
    return { check: { name, verdict: "fails", found: explanation.meaning, cure: explanation.cure } };
  }
}

/** Whether that CRIU, of these places, dumps and restores a process here. Needs root. */
export async function trialOf(criu: string, places: readonly string[] = []): Promise<Check> {
  const name = "trial";
  const { works, why } = await tryCriu(criu);
  if (works) return { name, verdict: "ok", found: "a process with a listening socket was dumped and restored" };
  const missing = missingForAnyDump();
  const update = ["setup", "--update", ...places.flatMap(prefixOptions)];
  const cure = missing.length > 0 ? `give it ${missing.join(", ")}` : `Run: ${commandLine(update)}`;
  return { name, verdict: "fails", found: why, cure };
}

import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import type { LaunchOptions } from "../../lifecycle/types.ts";

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string>>;

/** What `criu-aware run` tells the program that it starts is of that start. */
const ours = "CRIU_AWARE_";

/** The variables that this process was started with; none where there is no /proc. */
export function startVariables(): Variables {
  const words = readOrEmpty("/proc/self/environ").split("\0").reverse();
  return Object.fromEntries(words.filter((word) => word.indexOf("=") > 0).map(split));
}

function split(word: string): [name: string, value: string] {
  const at = word.indexOf("=");
  return [word.slice(0, at), word.slice(at + 1)];
}

/**
 * What a launch asks for: variables by name, undefined for those that are to go. Of a whole environment only what differs from the one
 * before, `base`: what the program has set itself stays.
 */
export function askedFor(
  { env = {}, wholeEnv = false }: LaunchOptions,
  base: Variables,
): Map<string, string | undefined> {
  const asked = new Map<string, string | undefined>();
  if (wholeEnv) for (const name of Object.keys(base)) if (!Object.hasOwn(env, name)) asked.set(name, undefined);
  for (const [name, value] of Object.entries(env)) {
    const isOld = wholeEnv && Object.hasOwn(base, name) && base[name] === value;
    if (!isOld) asked.set(name, value ?? undefined);
  }
  for (const name of asked.keys()) if (name.startsWith(ours)) asked.delete(name);
  return asked;
}

/** The environment that the next launch is compared with. */
export function baseAfter({ env = {}, wholeEnv = false }: LaunchOptions, base: Variables): Variables {
  const entries = Object.entries(wholeEnv ? env : { ...base, ...env });
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === null ? [] : [[name, value]])));
}

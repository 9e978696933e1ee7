import { readProcLink } from "#proc";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import type { Change, Dns, LaunchChanges } from "../../lifecycle/types.ts";

/** What a process sees around it. */
export interface Surroundings {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly hostname: string;
  readonly timeZone: string;
  readonly locale: string;
  readonly dns: Dns;
}

export function lookAround(): Surroundings {
  return {
    args: process.argv.slice(2),
    cwd: workingDirectory(),
    hostname: readOrEmpty("/proc/sys/kernel/hostname").trim(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    locale: process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || "",
    dns: parseDns(readOrEmpty("/etc/resolv.conf")),
  };
}

/** Those that are not what they were. */
export function differences(was: Surroundings, is: Surroundings): Omit<LaunchChanges, "env"> {
  const changed = Object.keys(is)
    .map((key) => key as keyof Surroundings)
    .filter((key) => JSON.stringify(was[key]) !== JSON.stringify(is[key]));
  return Object.fromEntries(changed.map((key): [string, Change<unknown>] => [key, { was: was[key], is: is[key] }]));
}

/** The name that /etc/localtime leads to; undefined where it is no link, or there is none. */
export function systemTimeZone(): string | undefined {
  try {
    return /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(readProcLink("/etc/localtime"))?.[1];
  } catch {
    return undefined;
  }
}

/** By the kernel: Deno would want --allow-read. "" when it is gone. */
function workingDirectory(): string {
  try {
    return readProcLink("/proc/self/cwd");
  } catch {
    return "";
  }
}

/** The first three servers count: MAXNS of resolv.h. */
function parseDns(text: string): Dns {
  const words = (keyword: string): string[][] =>
    text
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .filter(([first]) => first === keyword)
      .map(([, ...rest]) => rest);
  return {
    servers: words("nameserver")
      .flatMap(([server]) => server ?? [])
      .slice(0, 3),
    search: words("search").at(-1) ?? [],
  };
}

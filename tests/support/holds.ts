/** What a process holds, and whether that grows when it does the same again and again. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { statusField } from "../../ffi/status_field.ts";

/** What a process holds. Sizes in bytes. */
export interface Holds {
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  readonly rss: number;
}

/** Before the last rounds, and in them. */
export interface Growth {
  readonly early: Holds;
  readonly late: Holds;
}

/** SwiftShader forgets to close one file of its own for each time it is loaded; it does not count. */
export function holdsOf(pid: number | "self"): Holds {
  return {
    descriptors: descriptorsOf(pid).filter((link) => !link.includes("swiftshader_jit")).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    mappings: mappingsOf(pid).length,
    // That of /proc/pid/status is not exact.
    rss: Number.parseInt(statusField(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"), "Rss") ?? "", 10) * 1024,
  };
}

/** How many descriptors and mappings a process has of each kind: by what they lead to, without numbers. */
export function kindsOf(pid: number | "self"): Map<string, number> {
  const kinds = [
    ...descriptorsOf(pid).map((link) => `descriptor ${link}`),
    ...mappingsOf(pid).map((line) => `mapping ${line.split(/\s+/).slice(5).join(" ") || "of memory"}`),
  ].map((kind) => kind.replace(/[\da-f-]*\d[\da-f-]*/g, "N"));
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What a process held in the course of rounds, one look after the other. */
export function growthIn(seen: readonly Holds[]): Growth {
  const of = (what: keyof Holds) => leastIn(seen.map((held) => held[what]));
  const [descriptors, threads, mappings, rss] = [of("descriptors"), of("threads"), of("mappings"), of("rss")];
  const at = (when: keyof Growth): Holds => {
    return { descriptors: descriptors[when], threads: threads[when], mappings: mappings[when], rss: rss[when] };
  };
  return { early: at("early"), late: at("late") };
}

/**
 * Of 300 rounds the first 50 count for nothing, and the next 50 are compared with the last 50: by the least that was held, because
 * threads of a pool come and go, and garbage too.
 */
export function leastIn(seen: readonly number[]): { readonly early: number; readonly late: number } {
  const some = windowOf(seen.length);
  return { early: Math.min(...seen.slice(some, 2 * some)), late: Math.min(...seen.slice(-some)) };
}

/** How many rounds lie between the two that are compared. */
export function roundsBetween(rounds: number): number {
  return rounds - 2 * windowOf(rounds);
}

function windowOf(rounds: number): number {
  return Math.ceil(rounds / 6);
}

function descriptorsOf(pid: number | "self"): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

function mappingsOf(pid: number | "self"): string[] {
  return readFileSync(`/proc/${pid}/maps`, "utf8").trimEnd().split("\n");
}

import { percentile } from "../../bench/report.ts";
import { table } from "../../cli/table.ts";
import { bytes, duration } from "../../cli/units.ts";
import { type Grown, grownIn, type ProcessGrowth } from "./growth.ts";
import { allowedInImages } from "./limits.ts";
import type { Soaked } from "./soak.ts";

/** All that makes a soak fail, a line each; empty when all is right. */
export function problemsOf(soaked: Soaked): string[] {
  const { wrong, wrongInAll, lostNotices, doubleHooks, visits, left } = soaked;
  const problems = wrong.map(({ round, what }) => `round ${round}: ${what}`);
  if (wrongInAll > wrong.length) problems.push(`and ${wrongInAll - wrong.length} more`);
  if (soaked.rounds === 0) problems.push("no round was played to its end");
  if (lostNotices > 0) problems.push(`lost notices: ${lostNotices}`);
  if (doubleHooks > 0) problems.push(`hooks that were called twice: ${doubleHooks}`);
  if (!visits?.signals || !visits.answered) problems.push("the app had no visitors");
  if (visits) problems.push(...visits.wrong.map((what) => `a wrong answer of its server: ${what}`));
  for (const name of ["app", "driver"] as const) problems.push(...leaksOf(name, soaked[name]));
  return [...problems, ...left.map((what) => `left behind: ${what}`)];
}

function leaksOf(name: string, growth: ProcessGrowth | undefined): string[] {
  if (!growth) return [];
  const { kinds, ...holds } = growth;
  const leaks = Object.entries(holds).filter(([, { isLeak }]) => isLeak);
  return leaks.map(
    ([what, { early, late, perRound }]) =>
      `leaked by the ${name}: ${what} ${early} → ${late}, ${perRound.toFixed(2)} a round` +
      (what === "descriptors" || what === "mappings" ? ` (${kinds.join("; ")})` : ""),
  );
}

/** Medians and tails of times, and of bytes. */
export function figuresOf({ times, imageBytes }: Soaked): Record<string, { median: number; p99: number }> {
  const of = (values: readonly number[]) => ({ median: percentile(values, 0.5), p99: percentile(values, 0.99) });
  return Object.fromEntries(Object.entries({ ...times, image: imageBytes }).map(([name, all]) => [name, of(all)]));
}

/** How the images have grown. */
export function imagesGrown({ imageBytes }: Soaked): Grown {
  return grownIn(imageBytes, allowedInImages);
}

/** What people read. */
export async function textOf(soaked: Soaked, wanted: number): Promise<string> {
  const { rounds, seconds, visits, ignoredSignals, lostNotices, doubleHooks } = soaked;
  const problems = problemsOf(soaked);
  const figures = Object.entries(figuresOf(soaked)).map(([name, { median, p99 }]) => {
    const unit = name === "image" ? bytes : duration;
    return [name, unit(median), unit(p99)];
  });
  const growth = (["app", "driver"] as const).flatMap((name) => rowsOf(name, soaked[name]));
  growth.push(rowOf("images", imagesGrown(soaked)));
  return [
    `${rounds} of ${wanted} rounds in ${seconds.toFixed(0)} s: ${lostNotices} lost notices, ${doubleHooks} hooks called twice`,
    visits &&
      `${visits.signals} signals (${visits.hertz.toFixed(0)} Hz; ${ignoredSignals} seen), ` +
        `${visits.answered} requests answered, ${visits.closed} cut off, ${visits.wrong.length} wrong`,
    "",
    ...(rounds > 0 ? [await table(["", "median", "p99"], figures), ""] : []),
    ...(rounds > 0 ? [await table(["", "soon after the start", "at the end", "a round"], growth)] : []),
    "",
    problems.length === 0 ? "All is right." : `Wrong:\n${problems.map((line) => `  ${line}`).join("\n")}`,
  ]
    .filter((line) => line !== undefined)
    .join("\n");
}

function rowsOf(name: string, growth: ProcessGrowth | undefined): string[][] {
  if (!growth) return [];
  const { kinds: _, ...holds } = growth;
  return Object.entries(holds).map(([what, grown]: [string, Grown]) =>
    what === "rss"
      ? rowOf(`${name}: memory`, grown)
      : [`${name}: ${what}`, String(grown.early), String(grown.late), grown.perRound.toFixed(2)],
  );
}

function rowOf(name: string, { early, late, perRound }: Grown): string[] {
  return [name, bytes(early), bytes(late), `${(perRound / 1000).toFixed(1)} kB`];
}

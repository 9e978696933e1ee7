import { type BlockerKind, kinds } from "../../blockers/kinds.ts";
import type { Explanation } from "../../criu/errors.ts";
import { criuCure } from "../../criu/locate.ts";
import { causesIn } from "./consequences.ts";
import { type FailureRow, OTHER_CRIU } from "./row.ts";
import { general, rows } from "./rows.ts";

/**
 * Says what the errors of CRIU's log mean: the first line decides, because what follows it are its consequences. A later line that is
 * known would explain something that is only one of these.
 *
 * @param lines errors of a log, from its start, without time and source line.
 * @returns undefined when the first is not known.
 */
export function explain(lines: readonly string[], phase: "dump" | "restore"): Explanation | undefined {
  const [line] = causesIn(lines);
  return line === undefined ? undefined : find(line, [...rows[phase], ...rows.both, ...general]);
}

function find(line: string, table: readonly FailureRow[]): Explanation | undefined {
  for (const [pattern, meaning, cure, ...options] of table) {
    const found = pattern.exec(line);
    if (!found) continue;
    const fill = (text: string): string => text.replace(/\$(\d)/g, (_, n) => found[Number(n)] ?? "");
    const kind = cure.startsWith("=") ? kinds[cure.slice(1) as BlockerKind] : undefined;
    return {
      meaning: fill(meaning),
      cure: kind ? sentence(kind.advice) : cure === OTHER_CRIU ? criuCure() : fill(cure),
      options: kind ? kind.options : options,
    };
  }
  return undefined;
}

function sentence(advice: string): string {
  return `${advice[0]?.toUpperCase()}${advice.slice(1)}.`;
}

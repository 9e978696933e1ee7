import { type BlockerKind, kinds } from "../../blockers/kinds.ts";
import type { Explanation } from "../../criu/errors.ts";
import { criuCure } from "../../criu/locate.ts";
import { type FailureRow, OTHER_CRIU } from "./row.ts";
import { general, rows } from "./rows.ts";

/**
 * Says what the errors of CRIU's log mean: the first line that is known decides, because what follows it are its consequences.
 *
 * @param lines errors of a log, from its start, without time and source line.
 * @returns undefined when none is known.
 */
export function explain(lines: readonly string[], phase: "dump" | "restore"): Explanation | undefined {
  return find(lines, rows[phase]) ?? find(lines, rows.both) ?? find(lines, general);
}

function find(lines: readonly string[], table: readonly FailureRow[]): Explanation | undefined {
  for (const line of lines) {
    for (const [pattern, meaning, cure, ...options] of table) {
      const found = pattern.exec(line);
      if (!found) continue;
      const fill = (text: string): string => text.replace(/\$(\d)/g, (_, n) => found[Number(n)] ?? "");
      const kind = cure.startsWith("=") ? kinds[cure.slice(1) as BlockerKind] : undefined;
      return {
        meaning: fill(meaning),
        cure:
          cure === OTHER_CRIU
            ? criuCure()
            : kind
              ? `${kind.advice[0]?.toUpperCase()}${kind.advice.slice(1)}.`
              : fill(cure),
        options: kind ? kind.options : options,
      };
    }
  }
  return undefined;
}

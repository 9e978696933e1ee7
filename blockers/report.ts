import type { CriuOption, CriuOptions } from "../criu/options.ts";
import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";
import { type Blocker, type BlockerKind, kinds } from "./kinds.ts";

/** What a scan found of one thing. */
export interface Finding {
  readonly pid: number;
  readonly fd?: number;
  readonly what: string;
  readonly who?: string | undefined;
  /** What the value of an option must be to cure it; without one, that the option is given is enough. */
  readonly needs?: Partial<Record<CriuOption, (value: unknown) => boolean>>;
  /** Options that the table names but that do not cure this one. */
  readonly except?: readonly CriuOption[];
  /** Why it may be none after all: it is then only a warning. */
  readonly perhaps?: string | undefined;
  /** What stands for the thing, so that two descriptors of one file are one blocker. @default none */
  readonly same?: string;
}

/** The blockers of one scan. */
export interface Report {
  readonly blockers: Blocker[];
  add(kind: BlockerKind, finding: Finding): void;
  /** Whether a finding would block the dump, were it added. */
  isBlocking(kind: BlockerKind, finding: Finding): boolean;
}

/** Options with their values, or only their names. */
export type GivenOptions = CriuOptions | readonly string[];

/** Opens a report that judges every finding by the options that CRIU gets. */
export function createReport(given: GivenOptions, ignore: readonly string[]): Report {
  const blockers: Blocker[] = [];
  const seen = new Set<string>();
  const optionsOf = (kind: BlockerKind, { except = [] }: Finding): CriuOption[] =>
    kinds[kind].options.filter((option) => !except.includes(option));
  const isBlocking = (kind: BlockerKind, finding: Finding): boolean =>
    kinds[kind].blocks &&
    !finding.perhaps &&
    !optionsOf(kind, finding).some((option) => isGiven(given, option, finding.needs?.[option]));
  return {
    blockers,
    isBlocking,
    add(kind, finding) {
      const { pid, fd, who, perhaps, same } = finding;
      const what = printable(finding.what, LONGEST_MESSAGE);
      // As it was printed, or as the system writes it.
      const texts = [what, finding.what, who ?? ""];
      if (ignore.some((ignored) => ignored === kind || texts.some((text) => text.includes(ignored)))) return;
      const key = `${kind} ${pid} ${same}`;
      if (same !== undefined && seen.has(key)) return;
      seen.add(key);
      const { advice, caution } = kinds[kind];
      const options = optionsOf(kind, finding);
      blockers.push({
        kind,
        pid,
        ...(fd === undefined ? {} : { fd }),
        what,
        ...(who === undefined ? {} : { who }),
        cure: {
          options,
          advice: perhaps ? `${advice}. ${perhaps}` : advice,
          ...(caution && options.length > 0 ? { caution } : {}),
        },
        blocking: isBlocking(kind, finding),
      });
    },
  };
}

/** The names of the options that are given. */
export function namesOf(given: GivenOptions): readonly string[] {
  return isList(given) ? given : Object.keys(given).filter((name) => given[name as CriuOption]);
}

/** A driver that tells only the names of its options is trusted to have chosen their values well. */
function isGiven(given: GivenOptions, option: CriuOption, suffices: (value: unknown) => boolean = Boolean): boolean {
  if (isList(given)) return given.includes(option);
  const value = given[option];
  return value !== undefined && suffices(value);
}

function isList(given: GivenOptions): given is readonly string[] {
  return Array.isArray(given);
}

/** What a problem may be about. `file` is damage: the images, or their manifest, are not what was dumped. */
export const problemKinds = [
  "manifest",
  "file",
  "arch",
  "cpu",
  "capability",
  "kernel",
  "criu",
  "program",
  "gpu",
  "clock",
] as const;

/** What a problem is about. */
export type ProblemKind = (typeof problemKinds)[number];

/** Why a restore of a dump on this machine would fail or go wrong (`error`), or might (`warning`). */
export interface Problem {
  /** Whether a restore would fail or only might. */
  readonly severity: "error" | "warning";
  /** For `force`, which names kinds. */
  readonly kind: ProblemKind;
  /** A sentence, safe to print. */
  readonly what: string;
  /** What to do about it. */
  readonly cure: string;
}

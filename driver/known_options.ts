import type { Known } from "./check_options.ts";
import type { DumpOptions, RestoreOptions } from "./engine.ts";

/** Of `Engine.dump`. */
export const knownDumpOptions: Known<DumpOptions> = {
  pid: "pid",
  imagesDir: "path",
  trustImages: "flag",
  workDir: "path",
  leaveRunning: "flag",
  labels: "other",
  manifest: "flag",
  digests: "digests",
  depends: "other",
  cuda: "other",
  ignore: "other",
  onHook: "call",
  onPhase: "call",
  strategy: "strategy",
  atPoint: "flag",
  timeoutMs: "time",
  leaseMs: "lease",
  unaware: "flag",
  criuOptions: "other",
  signal: "other",
};

/** Of `Engine.restore`. */
export const knownRestoreOptions: Known<RestoreOptions> = {
  imagesDir: "path",
  trustImages: "flag",
  workDir: "path",
  force: "force",
  timeoutMs: "time",
  lazy: "flag",
  clock: "clock",
  launch: "other",
  cuda: "other",
  criuOptions: "other",
  signal: "other",
  onProblem: "call",
  onHook: "call",
  onPhase: "call",
};

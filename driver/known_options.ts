import type { Known } from "./check_options.ts";
import type { DumpOptions, RestoreOptions } from "./engine.ts";

/** Of `Engine.dump`. */
export const dumpOptions: Known<DumpOptions> = {
  pid: "pid",
  imagesDir: "path",
  trustImages: "flag",
  leaveRunning: "flag",
  labels: "other",
  manifest: "flag",
  digests: "digests",
  cuda: "other",
  ignore: "other",
  onHook: "call",
  onPhase: "call",
  strategy: "strategy",
  timeoutMs: "time",
  leaseMs: "time",
  unaware: "flag",
  criuOptions: "other",
  signal: "other",
};

/** Of `Engine.restore`. */
export const restoreOptions: Known<RestoreOptions> = {
  imagesDir: "path",
  trustImages: "flag",
  force: "flag",
  timeoutMs: "time",
  cuda: "other",
  criuOptions: "other",
  signal: "other",
  onProblem: "call",
  onHook: "call",
  onPhase: "call",
};

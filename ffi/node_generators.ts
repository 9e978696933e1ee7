import type { Generators } from "./generators.ts";
import { refuseRuntime } from "./unsupported_platform.ts";

/** Neither Bun nor Deno: checkpoints are only played here. */
export const generators: Generators = {
  replace() {},
  touch: refuseRuntime,
  renew: refuseRuntime,
  begin: refuseRuntime,
};

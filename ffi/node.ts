import type { Runtime } from "./runtime.ts";
import { refuseRuntime } from "./unsupported_platform.ts";

/** Neither Bun nor Deno: whoever loads this file, which is `openLibc`, is refused. */
export const runtime: Runtime = refuseRuntime();

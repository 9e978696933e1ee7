import type { Reader } from "./reader.ts";
import { refuseRuntime } from "./unsupported_platform.ts";

/** Neither Bun nor Deno: it can be imported, not called. */
export const drain: Reader = refuseRuntime;

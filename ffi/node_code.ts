import type { Link } from "./runtime.ts";
import { refuseRuntime } from "./unsupported_platform.ts";

/** Neither Bun nor Deno: it can be imported, not called. */
export const link: Link = refuseRuntime;

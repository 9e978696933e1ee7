import type { Holds } from "../support/holds.ts";
import type { Allowed } from "./growth.ts";

/**
 * What comes and goes by itself: threads of pools, memory that a runtime makes room in (8 MB more or less were seen in Deno). A state of the
 * app that were forgotten in each round would be 256 KiB, a page 320 KiB: that shows from 75 rounds on.
 */
const usual: Readonly<Record<keyof Holds, Allowed>> = {
  descriptors: { inAll: 0, perRound: 0 },
  threads: { inAll: 2, perRound: 0 },
  mappings: { inAll: 30, perRound: 0.1 },
  rss: { inAll: 12e6, perRound: 65_536 },
};

/** By the process. */
export const allowed: Readonly<Record<"app" | "driver", Readonly<Record<keyof Holds, Allowed>>>> = {
  app: usual,
  driver: usual,
};

/** Of images: a runtime makes its heap larger as it likes, and what is in it is looked at by the memory of the app. */
export const allowedInImages: Allowed = { inAll: Number.POSITIVE_INFINITY, perRound: Number.POSITIVE_INFINITY };

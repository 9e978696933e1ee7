/** What this project reads of timens-*.img, and writes anew: all that it has; see tree.ts. */
import type { Message } from "../../protobuf/fields.ts";

export const clockTimesFields = {
  monotonic: [1, "required", { tvSec: [1, "required", "uint64"], tvNsec: [2, "required", "uint64"] }],
  boottime: [2, "required", { tvSec: [1, "required", "uint64"], tvNsec: [2, "required", "uint64"] }],
} as const;

export type Time = Message<typeof clockTimesFields>["monotonic"];

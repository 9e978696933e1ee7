/** What this project reads of stats-dump and stats-restore, times in microseconds; see tree.ts. */
import type { Message } from "../../protobuf/fields.ts";

export const statsFields = {
  dump: [
    1,
    "optional",
    {
      freezingTime: [1, "required", "uint32"],
      frozenTime: [2, "required", "uint32"],
      memdumpTime: [3, "required", "uint32"],
      memwriteTime: [4, "required", "uint32"],
      pagesScanned: [5, "required", "uint64"],
      pagesSkippedParent: [6, "required", "uint64"],
      pagesWritten: [7, "required", "uint64"],
      pagesLazy: [9, "required", "uint64"],
      shpagesScanned: [12, "optional", "uint64"],
      shpagesWritten: [14, "optional", "uint64"],
    },
  ],
  restore: [
    2,
    "optional",
    {
      pagesCompared: [1, "required", "uint64"],
      pagesSkippedCow: [2, "required", "uint64"],
      forkingTime: [3, "required", "uint32"],
      restoreTime: [4, "required", "uint32"],
      pagesRestored: [5, "optional", "uint64"],
    },
  ],
} as const;

export type Stats = Message<typeof statsFields>;

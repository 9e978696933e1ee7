/** What this project reads of mm-*.img and pagemap-*.img; see tree.ts. */
import type { Message } from "../../protobuf/fields.ts";

export const memoryFields = {
  exeFileId: [12, "required", "uint32"],
  mmSavedAuxv: [13, "repeated", "uint64"],
  vmas: [
    14,
    "repeated",
    {
      start: [1, "required", "uint64"],
      end: [2, "required", "uint64"],
      shmid: [4, "required", "uint64"],
      status: [7, "required", "uint32"],
    },
  ],
} as const;

export const pagemapHeadFields = { pagesId: [1, "required", "uint32"] } as const;

export const pagemapEntryFields = {
  vaddr: [1, "required", "uint64"],
  compatNrPages: [2, "required", "uint32"],
  inParent: [3, "optional", "bool"],
  flags: [4, "optional", "uint32"],
  nrPages: [5, "optional", "uint64"],
} as const;

export type Memory = Message<typeof memoryFields>;

/**
 * What this project reads of inventory.img, pstree.img, ids-*.img and core-*.img. The numbers, rules and types are facts of CRIU 4.2's own
 * .proto files (its folder images/); fields that are not read are left out.
 */
import type { Message } from "../../protobuf/fields.ts";

export const inventoryFields = {
  imgVersion: [1, "required", "uint32"],
  plugins: [12, "optional", { plugins: [12, "repeated", "string"] }],
  dumpCriuRunId: [13, "optional", "string"],
} as const;

export const taskFields = {
  pid: [1, "required", "uint32"],
  ppid: [2, "required", "uint32"],
  pgid: [3, "required", "uint32"],
  sid: [4, "required", "uint32"],
  threads: [5, "repeated", "uint32"],
} as const;

export const idsFields = {
  vmId: [1, "required", "uint32"],
  filesId: [2, "required", "uint32"],
} as const;

export const coreFields = {
  mtype: [1, "required", "uint32"],
  tc: [3, "optional", { taskState: [1, "required", "uint32"], comm: [6, "required", "string"] }],
  threadCore: [
    5,
    "optional",
    { pdeathSig: [8, "optional", "uint32"], creds: [10, "optional", { capPrm: [10, "repeated", "uint32"] }] },
  ],
} as const;

export type Inventory = Message<typeof inventoryFields>;
export type Task = Message<typeof taskFields>;
export type Core = Message<typeof coreFields>;

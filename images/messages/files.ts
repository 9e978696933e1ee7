/** What this project reads of fdinfo-*.img, files.img, memfd.img, remap-fpath.img and ghost-file-*.img; see tree.ts. */
import type { Message } from "../../protobuf/fields.ts";

export const descriptorFields = {
  id: [1, "required", "uint32"],
  type: [3, "required", "uint32"],
  fd: [4, "required", "uint32"],
} as const;

export const fileFields = {
  type: [1, "required", "uint32"],
  id: [2, "required", "uint32"],
  reg: [
    3,
    "optional",
    {
      name: [6, "required", "string"],
      size: [8, "optional", "uint64"],
      buildId: [11, "repeated", "uint32"],
    },
  ],
  isk: [
    4,
    "optional",
    {
      family: [3, "required", "uint32"],
      type: [4, "required", "uint32"],
      state: [6, "required", "uint32"],
      srcPort: [7, "required", "uint32"],
      dstPort: [8, "required", "uint32"],
      srcAddr: [11, "repeated", "uint32"],
      dstAddr: [12, "repeated", "uint32"],
    },
  ],
  usk: [
    16,
    "optional",
    {
      type: [3, "required", "uint32"],
      state: [4, "required", "uint32"],
      peer: [8, "required", "uint32"],
      name: [11, "required", "bytes"],
    },
  ],
  memfd: [20, "optional", { inodeId: [5, "required", "uint32"] }],
} as const;

export const memfdInodeFields = {
  name: [1, "required", "string"],
  size: [4, "required", "uint64"],
  shmid: [5, "required", "uint32"],
  inodeId: [7, "required", "uint64"],
} as const;

export const remappedPathFields = {
  origId: [1, "required", "uint32"],
  remapId: [2, "required", "uint32"],
  // 0 linked, 1 ghost, 2 procfs
  remapType: [3, "optional", "uint32"],
} as const;

export const ghostFields = {
  mode: [3, "required", "uint32"],
  chunks: [9, "optional", "bool"],
  size: [10, "optional", "uint64"],
} as const;

export type Descriptor = Message<typeof descriptorFields>;
export type File = Message<typeof fileFields>;
export type InetSocket = NonNullable<File["isk"]>;
export type UnixSocket = NonNullable<File["usk"]>;
export type MemfdInode = Message<typeof memfdInodeFields>;

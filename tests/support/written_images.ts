/** A small dump, written by hand: two processes, of which the parent holds a descriptor of most kinds. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { image, message } from "../../images/image_bytes.ts";
import {
  descriptorFields,
  fileFields,
  ghostFields,
  memfdInodeFields,
  remappedPathFields,
} from "../../images/messages/files.ts";
import { memoryFields, pagemapEntryFields, pagemapHeadFields } from "../../images/messages/memory.ts";
import { statsFields } from "../../images/messages/stats.ts";
import { coreFields, idsFields, inventoryFields, taskFields } from "../../images/messages/tree.ts";

export const PARENT = 100;
export const CHILD = 101;
export const PAGE = 4096;
/** Where the pages of the parent begin; a gap of one page lies behind the first two. */
export const ADDRESS = 0x10000n;

export { image, message };

/** Pages that hold only dots, but for a text at an offset. */
export function pages(count: number, texts: Readonly<Record<number, string | Uint8Array>> = {}): Buffer {
  const bytes = Buffer.alloc(count * PAGE, ".");
  for (const [offset, text] of Object.entries(texts)) bytes.set(Buffer.from(text as string), Number(offset));
  return bytes;
}

/** Writes the dump, with some files in another form; undefined leaves a file out. */
export function writeImages(directory: string, others: Readonly<Record<string, Uint8Array | undefined>> = {}): void {
  const page = (vaddr: bigint, nrPages: number, flags = 4): Uint8Array =>
    message(pagemapEntryFields, { vaddr, compatNrPages: 0, flags, nrPages: BigInt(nrPages) });
  const core = (comm: string): Uint8Array => message(coreFields, { mtype: 1, tc: { taskState: 1, comm } });
  const memory = (shmid: bigint): Uint8Array =>
    message(memoryFields, {
      exeFileId: 1,
      mmSavedAuxv: [33n, 0x7000n, 6n, BigInt(PAGE), 0n, 0n],
      vmas: [
        { start: ADDRESS, end: ADDRESS + 0x4000n, shmid: 0n, status: 0x201 },
        { start: 0x90000n, end: 0x92000n, shmid, status: 0x101 },
        // Of System V: it is in images of its own.
        { start: 0xa0000n, end: 0xa1000n, shmid: 99n, status: 0x501 },
      ],
    });
  const descriptor = (fd: number, type: number, id: number): Uint8Array => message(descriptorFields, { fd, type, id });
  const files: Record<string, Uint8Array | undefined> = {
    "inventory.img": image("inventory", message(inventoryFields, { imgVersion: 2, dumpCriuRunId: "run-1" })),
    "pstree.img": image(
      "pstree",
      message(taskFields, { pid: PARENT, ppid: 0, pgid: PARENT, sid: PARENT, threads: [PARENT, 110] }),
      message(taskFields, { pid: CHILD, ppid: PARENT, pgid: PARENT, sid: PARENT, threads: [CHILD] }),
    ),
    [`core-${PARENT}.img`]: image("core", core("parent")),
    [`core-${CHILD}.img`]: image("core", core("child")),
    [`ids-${PARENT}.img`]: image("ids", message(idsFields, { vmId: 1, filesId: 2 })),
    [`ids-${CHILD}.img`]: image("ids", message(idsFields, { vmId: 2, filesId: 3 })),
    [`mm-${PARENT}.img`]: image("mm", memory(77n)),
    [`mm-${CHILD}.img`]: image("mm", memory(77n)),
    [`pagemap-${PARENT}.img`]: image(
      "pagemap",
      message(pagemapHeadFields, { pagesId: 1 }),
      page(ADDRESS, 2),
      page(ADDRESS + 0x2000n, 1, 1),
      page(ADDRESS + 0x3000n, 1),
    ),
    "pages-1.img": pages(3),
    [`pagemap-${CHILD}.img`]: image("pagemap", message(pagemapHeadFields, { pagesId: 2 }), page(ADDRESS, 1)),
    "pages-2.img": pages(1),
    "pagemap-shmem-77.img": image("pagemap", message(pagemapHeadFields, { pagesId: 3 }), page(0n, 2)),
    "pages-3.img": pages(2),
    "pagemap-shmem-88.img": image("pagemap", message(pagemapHeadFields, { pagesId: 4 }), page(0x1000n, 1)),
    "pages-4.img": pages(1),
    "fdinfo-2.img": image(
      "fdinfo",
      ...[descriptor(0, 1, 2), descriptor(3, 4, 3), descriptor(4, 5, 4), descriptor(5, 18, 5), descriptor(6, 2, 6)],
    ),
    "fdinfo-3.img": image("fdinfo"),
    "files.img": image(
      "files",
      message(fileFields, { type: 1, id: 1, reg: { name: "/opt/app", size: 5000n, buildId: [0x04030201] } }),
      message(fileFields, { type: 1, id: 2, reg: { name: "/tmp/gone", size: 18n } }),
      message(fileFields, {
        type: 4,
        id: 3,
        isk: { family: 2, type: 1, state: 10, srcPort: 8080, dstPort: 0, srcAddr: [0x0100007f], dstAddr: [0] },
      }),
      message(fileFields, { type: 5, id: 4, usk: { type: 1, state: 1, peer: 9, name: Buffer.from("\0hidden\0") } }),
      message(fileFields, { type: 18, id: 5, memfd: { inodeId: 1 } }),
    ),
    "memfd.img": image("memfd", message(memfdInodeFields, { name: "criu-aware", size: 8192n, shmid: 88, inodeId: 1n })),
    "remap-fpath.img": image("remap-fpath", message(remappedPathFields, { origId: 2, remapId: 0x1a, remapType: 1 })),
    "ghost-file-1a.img": image(
      "ghost-file",
      message(ghostFields, { mode: 0o100644 }),
      Buffer.from("deleted, yet alive"),
    ),
    "stats-dump": image(
      "stats",
      message(statsFields, {
        dump: {
          ...{ freezingTime: 400, frozenTime: 12_500, memdumpTime: 6000, memwriteTime: 5000 },
          ...{ pagesScanned: 1222n, pagesSkippedParent: 1n, pagesWritten: 7n, pagesLazy: 0n },
        },
      }),
    ),
    "dump.log": Buffer.from("(00.1) fine\n"),
    ...others,
  };
  for (const [name, bytes] of Object.entries(files)) if (bytes) writeFileSync(join(directory, name), bytes);
}

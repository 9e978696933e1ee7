import { existsSync } from "node:fs";
import { join } from "node:path";
import { ImageReader } from "./image_reader.ts";
import {
  descriptorFields,
  type File,
  fileFields,
  type MemfdInode,
  memfdInodeFields,
  type Descriptor as Row,
  remappedPathFields,
} from "./messages/files.ts";
import type { Memory } from "./messages/memory.ts";
import { idsFields } from "./messages/tree.ts";
import { describeInetSocket, describeUnixSocket } from "./sockets.ts";
import type { Descriptor, Executable } from "./types.ts";

/** The kinds of files, by the numbers of CRIU's fd_types (images/fdinfo.proto). */
const kinds = [
  "unknown",
  "file",
  "pipe",
  "fifo",
  "inet socket",
  "unix socket",
  "eventfd",
  "epoll",
  "inotify",
  "signalfd",
  "packet socket",
  "terminal",
  "fanotify",
  "netlink socket",
  "namespace",
  "tun",
  "external",
  "timerfd",
  "memfd",
  "bpf map",
  "pidfd",
] as const;

const REG = 1;
const MEMFD = 18;
const REMAP_GHOST = 1;

/** What is open anywhere in the tree. */
export interface OpenFiles {
  /** By kind and id: CRIU numbers them over all kinds, but promises it for each only. */
  readonly files: ReadonlyMap<string, File>;
  readonly memfds: ReadonlyMap<number, MemfdInode>;
  /** Where ghost files were, by the number in their name. */
  readonly ghostPaths: ReadonlyMap<number, string>;
}

/** Reads files.img, memfd.img and remap-fpath.img: each may be missing when there is nothing to tell. */
export function readOpenFiles(directory: string): OpenFiles {
  const files = new Map<string, File>();
  const memfds = new Map<number, MemfdInode>();
  const ghostPaths = new Map<number, string>();
  if (existsSync(join(directory, "files.img"))) {
    using image = new ImageReader(directory, "files.img", "files");
    for (const file of image.all(fileFields)) files.set(`${file.type} ${file.id}`, file);
  }
  if (existsSync(join(directory, "memfd.img"))) {
    using image = new ImageReader(directory, "memfd.img", "memfd");
    for (const inode of image.all(memfdInodeFields)) memfds.set(Number(inode.inodeId), inode);
  }
  if (existsSync(join(directory, "remap-fpath.img"))) {
    using image = new ImageReader(directory, "remap-fpath.img", "remap-fpath");
    for (const { origId, remapId, remapType } of image.all(remappedPathFields)) {
      const path = files.get(`${REG} ${origId}`)?.reg?.name;
      if (path !== undefined && remapType === REMAP_GHOST) ghostPaths.set(remapId, path);
    }
  }
  return { files, memfds, ghostPaths };
}

/** What a process has open. */
export interface Table {
  readonly descriptors: readonly Descriptor[];
  /** The inodes of its memfds. */
  readonly memfds: ReadonlySet<number>;
}

/** The tables of descriptors of these processes, in their order. Those that share one, by its id, get the same object. */
export function readTables(directory: string, pids: readonly number[], open: OpenFiles): Table[] {
  const tables = new Map<number | undefined, Table>();
  return pids.map((pid) => {
    const id = tableOf(directory, pid);
    const known = tables.get(id);
    if (known) return known;
    const rows = id === undefined ? [] : readRows(directory, `fdinfo-${id}.img`);
    const table = {
      descriptors: describeRows(rows, open),
      memfds: memfdsOf(
        rows.map(({ id }) => id),
        open,
      ),
    };
    tables.set(id, table);
    return table;
  });
}

function readRows(directory: string, name: string): Row[] {
  if (!existsSync(join(directory, name))) return [];
  using image = new ImageReader(directory, name, "fdinfo");
  return [...image.all(descriptorFields)];
}

function describeRows(rows: readonly Row[], open: OpenFiles): Descriptor[] {
  return rows.map(({ fd, type, id }) => ({
    fd,
    kind: kinds[type] ?? "unknown",
    what: describe(open, open.files.get(`${type} ${id}`)),
  }));
}

/** The inodes of the memfds that a process has mapped. */
export function mappedMemfds(mappings: Memory | undefined, open: OpenFiles): ReadonlySet<number> {
  return memfdsOf(
    (mappings?.vmas ?? []).map(({ shmid }) => Number(shmid)),
    open,
  );
}

function memfdsOf(ids: readonly number[], open: OpenFiles): ReadonlySet<number> {
  return new Set(ids.flatMap((id) => open.files.get(`${MEMFD} ${id}`)?.memfd?.inodeId ?? []));
}

/** The program behind a file id of mm-*.img. */
export function executableOf(open: OpenFiles, id: number): Executable | undefined {
  const file = open.files.get(`${REG} ${id}`)?.reg;
  if (!file) return undefined;
  const buildId = Buffer.from(new Uint32Array(file.buildId).buffer).toString("hex");
  return { path: file.name, bytes: file.size ? Number(file.size) : undefined, buildId: buildId || undefined };
}

function tableOf(directory: string, pid: number): number | undefined {
  const name = `ids-${pid}.img`;
  if (!existsSync(join(directory, name))) return undefined;
  using image = new ImageReader(directory, name, "ids");
  return image.need(idsFields).filesId;
}

function describe(open: OpenFiles, file: File | undefined): string | undefined {
  if (file?.reg) return file.reg.name;
  if (file?.isk) return describeInetSocket(file.isk);
  if (file?.usk) return describeUnixSocket(file.usk);
  if (file?.memfd) return open.memfds.get(file.memfd.inodeId)?.name;
  return undefined;
}

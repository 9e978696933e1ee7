import { cString } from "../../ffi/bytes.ts";
import { fileCalls } from "../../ffi/files.ts";
import type { Libc } from "../../ffi/libc.ts";
import { orClose, SEALED_SIZE, sizeOf, unlinkShared } from "../../ffi/shared_memory.ts";
import { type FileStat, statOf } from "../../ffi/stat.ts";
import { refuseTooMuch, reserve } from "./reserve.ts";

import { StateError } from "./state_error.ts";

const symbols = { rename: [["buffer", "buffer"], "i32"] } as const;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_POPULATE = 0x8000;
const O_RDWR_CLOEXEC = 2 | 0o2000000;
const O_CREAT_EXCL = 0o100 | 0o200;
const MFD_CLOEXEC_ALLOW_SEALING = 3;
const F_ADD_SEALS = 1033;
const ENOENT = 2;
/** Bytes of a view that tensors share: a larger one has its own. */
const MAX_SHARED = 2 ** 30;

/** Views of a segment that end together: after disposal they are detached, with length 0, and can do no harm. */
export interface Window extends Disposable {
  /** `bytes` bytes from `offset`, at most 4 GiB in Bun. */
  view(offset: number, bytes: number): ArrayBuffer;
  /** The same, not to be handed out: faster where there are many, because they share memory. */
  bytes(offset: number, bytes: number): Uint8Array;
}

/** Shared memory that holds one state file. Disposal unmaps and closes; every window must be disposed before. */
export interface Segment extends Disposable {
  /** Tells this file from any other. */
  readonly id: string;
  readonly bytes: number;
  window(): Window;
  /** False when somebody made the file shorter or longer: touching the mapping could then kill the process (SIGBUS). */
  isWhole(): boolean;
  /**
   * Takes the memory of its holes now: to read them takes it, too. Throws StateError `space`. Without it a full /dev/shm kills the process
   * while saving, and no memory left while loading.
   */
  reserve(): void;
  /** Gives a new segment its name, in place of the one that had it. Disposed before, it leaves no trace. */
  publish(): void;
}

/**
 * Creates a segment of `bytes` zeros with all its memory taken: a sealed memfd, or with `name` shared memory under a
 * temporary name until it is published. Throws StateError `space`.
 */
export function createSegment(libc: Libc, name: string | undefined, bytes: number): Segment {
  refuseTooMuch(bytes);
  return name === undefined ? createMemfd(libc, bytes) : createNamed(libc, name, bytes);
}

/**
 * Opens the shared memory `name`, or returns undefined when there is none, or `known` when the name still leads to it.
 * Throws StateError `foreign` if another user owns it.
 */
export function openSegment(libc: Libc, name: string, known?: Segment): Segment | undefined {
  const fd = fileCalls(libc).shm_open(cString(`/${name}`), O_RDWR_CLOEXEC, 0);
  if (fd < 0 && libc.errno() === ENOENT) return undefined;
  libc.check(fd, `open the shared memory ${name}`);
  return orClose(libc, fd, () => {
    const stat = statOf(libc, fd);
    if (stat.uid !== libc.geteuid()) {
      const message = `Cannot use the shared memory ${name}: it belongs to user ${stat.uid}. Use another name.`;
      throw new StateError("foreign", message);
    }
    if (idOf(stat) !== known?.id || !known.isWhole()) return map(libc, fd, sizeOf(libc, fd));
    libc.close(fd);
    return known;
  });
}

/** Removes the names of a segment; mappings of it live on. */
export function unlinkSegment(libc: Libc, name: string): void {
  unlinkShared(libc, name);
  unlinkShared(libc, temporaryName(name));
}

function createMemfd(libc: Libc, bytes: number): Segment {
  const fd = libc.check(libc.memfd_create(cString("criu-aware-state"), MFD_CLOEXEC_ALLOW_SEALING), "create a memfd");
  return orClose(libc, fd, () => {
    reserve(libc, fd, bytes);
    libc.check(libc.fcntl(fd, F_ADD_SEALS, SEALED_SIZE), "seal a memfd");
    return map(libc, fd, bytes);
  });
}

function createNamed(libc: Libc, name: string, bytes: number): Segment {
  const temporary = temporaryName(name);
  // Left by a crash.
  unlinkShared(libc, temporary);
  const flags = O_RDWR_CLOEXEC | O_CREAT_EXCL;
  const fd = libc.check(
    fileCalls(libc).shm_open(cString(`/${temporary}`), flags, 0o600),
    `create the shared memory ${temporary}`,
  );
  let published = false;
  const discard = (): void => {
    if (!published) unlinkShared(libc, temporary);
  };
  try {
    const segment = orClose(libc, fd, () => {
      reserve(libc, fd, bytes);
      return map(libc, fd, bytes);
    });
    return {
      ...segment,
      publish(): void {
        // Deno's own function renames nothing below /dev but with all permissions.
        const { rename } = libc.runtime.dlopen(libc.soname, symbols);
        const paths = [temporary, name].map((file) => cString(`/dev/shm/${file}`)) as [Uint8Array, Uint8Array];
        libc.check(rename(...paths), `publish the segment ${name}`);
        published = true;
      },
      [Symbol.dispose](): void {
        segment[Symbol.dispose]();
        discard();
      },
    };
  } catch (error) {
    discard();
    throw error;
  }
}

function idOf({ device, inode }: FileStat): string {
  return `${device}:${inode}`;
}

/** What `name` is called until it is published. */
function temporaryName(name: string): string {
  return `${name}.new`;
}

function map(libc: Libc, fd: number, bytes: number): Segment {
  const stat = statOf(libc, fd);
  const id = idOf(stat);
  const holesOf = ({ diskBytes }: FileStat): number => Math.max(0, bytes - diskBytes);
  // Pages are mapped when the state is opened, not while a checkpoint waits for its first save; but holes would become memory by that.
  const flags = MAP_SHARED | (holesOf(stat) > 0 ? 0 : MAP_POPULATE);
  // An empty file cannot be mapped, and there is nothing to see in it.
  const address = bytes === 0 ? 0n : libc.mmap(0, bytes, PROT_READ_WRITE, flags, fd, 0);
  libc.check(BigInt.asIntN(64, address), `map ${bytes} bytes of shared memory`);
  return {
    id,
    bytes,
    window: () => openWindow(libc, address, bytes),
    isWhole: () => sizeOf(libc, fd) === bytes,
    reserve(): void {
      // Looked at each time: whoever may write to it may have cut it.
      const holes = holesOf(statOf(libc, fd));
      if (holes === 0) return;
      refuseTooMuch(holes);
      reserve(libc, fd, bytes);
    },
    publish: () => {},
    [Symbol.dispose](): void {
      if (bytes > 0) libc.munmap(address, bytes);
      libc.close(fd);
    },
  };
}

function openWindow(libc: Libc, address: bigint, end: number): Window {
  const views: ArrayBuffer[] = [];
  let [start, shared] = [0, new ArrayBuffer(0)];
  const view = (offset: number, bytes: number): ArrayBuffer => {
    const view = bytes === 0 ? new ArrayBuffer(0) : libc.runtime.view(address + BigInt(offset), bytes);
    views.push(view);
    return view;
  };
  return {
    view,
    bytes(offset, bytes) {
      if (offset < start || offset + bytes > start + shared.byteLength) {
        start = offset;
        shared = view(offset, Math.max(bytes, Math.min(MAX_SHARED, end - offset)));
      }
      return new Uint8Array(shared, offset - start, bytes);
    },
    [Symbol.dispose](): void {
      // Detaches: a view that is kept longer has length 0 instead of pointing to memory that is gone or has changed.
      for (const view of views.splice(0)) if (!view.detached) view.transfer(0);
    },
  };
}

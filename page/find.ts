import { readdirSync, readlinkSync } from "node:fs";
import { cString } from "../ffi/bytes.ts";
import { fileCalls } from "../ffi/files.ts";
import type { Libc } from "../ffi/libc.ts";
import { memfdDevice } from "../ffi/memfd_device.ts";
import { type FileOpener, openChecked } from "../ffi/open_checked.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { claim, SEALED_SIZE, type SharedMemory, sealsOf, sizeOf } from "../ffi/shared_memory.ts";
import { statOf } from "../ffi/stat.ts";
import { statusField } from "../ffi/status_field.ts";
import { SystemCallError } from "../ffi/system_call_error.ts";
import { OVERWRITTEN, PageError } from "./errors.ts";
import { Fields } from "./fields.ts";
import { PAGE_BYTES, PAGE_LINK, PAGE_MAGIC, PAGE_VERSION } from "./layout.ts";

const O_RDWR = 2;
/** An app has one page; a hostile process may have any number of what looks like one. */
const MOST_CANDIDATES = 16;

/** A page, and what tells it from any other. */
export interface FoundPage extends SharedMemory {
  readonly inode: number;
}

/**
 * Finds and maps the page of a process: a sealed memfd of our name, of root or the user of the process, that carries the pid of the
 * process. Nothing else behind such a name is opened, for it may be anything: a device, a pipe.
 *
 * A page that carries the pid of another process is none of this one: between fork(2) and execve(2) a child has the descriptors of
 * its parent. Such a child counts as one that is not attached, as does whoever shows the page of somebody else.
 * @throws {PageError}
 */
export function findPage(libc: Libc, pid: number): FoundPage {
  let damage = "";
  const found = descriptors(pid);
  const owner = found.length > 0 ? identityOf(pid) : undefined;
  for (const fd of found) {
    try {
      const page = mapPage(libc, owner, `/proc/${pid}/fd/${fd}`);
      if (page) return page;
    } catch (error) {
      damage = (error as Error).message;
    }
  }
  if (damage) throw new PageError(pid, "damaged", `Cannot use the page of process ${pid}: ${damage}`);
  throw new PageError(
    pid,
    "missing",
    `Process ${pid} is not attached: its program does not call attach() of criu-aware, or has not come to it yet.`,
  );
}

/** The descriptors that have the name of a page; not all of thousands, which only keep whoever looks at them. */
function descriptors(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  const found: string[] = [];
  try {
    for (const fd of readdirSync(directory)) {
      if (linkOf(`${directory}/${fd}`) === PAGE_LINK) found.push(fd);
      if (found.length === MOST_CANDIDATES) break;
    }
  } catch (cause) {
    const gone = (cause as { code?: string }).code === "ENOENT";
    if (gone) throw new PageError(pid, "missing", `There is no process ${pid}.`, { cause });
    throw new PageError(pid, "forbidden", `Cannot look into process ${pid}: be root or its user.`, { cause });
  }
  return found;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Undefined for the page of another process, for one that is not open yet, and for a descriptor that is gone meanwhile. */
function mapPage(libc: Libc, owner: Identity | undefined, path: string): FoundPage | undefined {
  let inode = 0;
  let own: number;
  try {
    own = openChecked(
      path,
      O_RDWR,
      (held) => {
        const stat = statOf(libc, held);
        // By the mount, which only the kernel uses: any file system has room for a file of this name.
        if (stat.type !== "file" || stat.device !== memfdDevice(libc)) throw new Error("it is no memfd.");
        if (stat.bytes !== PAGE_BYTES) throw new Error("its size is wrong.");
        if (!owner?.uids.includes(stat.uid)) throw new Error("it is of another user than the process.");
        inode = stat.inode;
      },
      opener(libc),
    );
  } catch (error) {
    if (error instanceof SystemCallError && ["ENOENT", "ESRCH"].includes(error.code)) return undefined;
    throw error;
  }
  const memory = claim(libc, own, PAGE_BYTES, () => {
    const seals = sealsOf(libc, own);
    if (seals < 0 || (seals & SEALED_SIZE) !== SEALED_SIZE) throw new Error("it is not sealed.");
    // Again, for now nobody can change it.
    if (sizeOf(libc, own) !== PAGE_BYTES) throw new Error("its size is wrong.");
  });
  const fields = new Fields(libc, memory);
  const version = fields.get("version");
  const magic = fields.text("magic");
  if (version === PAGE_VERSION && (fields.get("pid") !== owner?.pid || magic === "")) {
    memory[Symbol.dispose]();
    return undefined;
  }
  try {
    if (magic !== PAGE_MAGIC) throw new Error(`it is not one of ours. ${OVERWRITTEN}`);
    if (version !== PAGE_VERSION) throw new Error(`its version is ${version}, and this program knows ${PAGE_VERSION}.`);
    return { ...memory, inode };
  } catch (error) {
    memory[Symbol.dispose]();
    throw error;
  }
}

function opener(libc: Libc): FileOpener {
  return {
    open: (path, flags) => libc.check(fileCalls(libc).open(cString(path), flags, 0), `open ${path}`),
    close: (fd) => void libc.close(fd),
  };
}

interface Identity {
  readonly pid: number;
  readonly uids: readonly number[];
}

/** Who a process is (proc(5), status): its pid as it sees itself, and who may own what is its own. Undefined when it is gone. */
function identityOf(pid: number): Identity | undefined {
  const status = readOrEmpty(`/proc/${pid}/status`);
  if (status === "") return undefined;
  const numbers = (key: string): number[] => (statusField(status, key) ?? "").split(/\s+/).map(Number);
  // A process that became another user after attach() has a page of root's.
  return { pid: numbers("NSpid").at(-1) || pid, uids: [0, ...numbers("Uid")] };
}

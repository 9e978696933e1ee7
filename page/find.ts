import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { cString } from "../ffi/bytes.ts";
import { fileCalls } from "../ffi/files.ts";
import type { Libc } from "../ffi/libc.ts";
import { claim, SEALED_SIZE, type SharedMemory, sealsOf, sizeOf } from "../ffi/shared_memory.ts";
import { PageError } from "./errors.ts";
import { Fields } from "./fields.ts";
import { PAGE_BYTES, PAGE_MAGIC, PAGE_NAME, PAGE_VERSION } from "./layout.ts";

const LINK = `/memfd:${PAGE_NAME} (deleted)`;
const O_RDWR_NONBLOCK_NOCTTY_CLOEXEC = 2 | 0o4000 | 0o400 | 0o2000000;

/**
 * Finds and maps the page of a process: the descriptor that links to a memfd of our name, is sealed, and carries the pid of
 * the process (a page that a fork inherited does not).
 * @throws {PageError}
 */
export function findPage(libc: Libc, pid: number): SharedMemory {
  let damage = "";
  for (const fd of descriptors(pid)) {
    try {
      return mapPage(libc, pid, fd);
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

function descriptors(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).filter((fd) => {
      try {
        return readlinkSync(`${directory}/${fd}`) === LINK;
      } catch {
        return false;
      }
    });
  } catch (cause) {
    const gone = (cause as { code?: string }).code === "ENOENT";
    if (gone) throw new PageError(pid, "missing", `There is no process ${pid}.`, { cause });
    throw new PageError(pid, "forbidden", `Cannot look into process ${pid}: be root or its user.`, { cause });
  }
}

function mapPage(libc: Libc, pid: number, fd: string): SharedMemory {
  const path = `/proc/${pid}/fd/${fd}`;
  const own = libc.check(fileCalls(libc).open(cString(path), O_RDWR_NONBLOCK_NOCTTY_CLOEXEC, 0), `open ${path}`);
  const memory = claim(libc, own, PAGE_BYTES, () => {
    const seals = sealsOf(libc, own);
    if (seals < 0 || (seals & SEALED_SIZE) !== SEALED_SIZE) throw new Error("it is not sealed.");
    if (sizeOf(libc, own) !== PAGE_BYTES) throw new Error("its size is wrong.");
  });
  const fields = new Fields(libc, memory);
  try {
    if (fields.text("magic") !== PAGE_MAGIC) throw new Error("it is not open yet, or not one of ours.");
    const version = fields.get("version");
    if (version !== PAGE_VERSION) throw new Error(`its version is ${version}, and this program knows ${PAGE_VERSION}.`);
    if (fields.get("pid") !== innerPid(pid)) throw new Error("it belongs to another process.");
    return memory;
  } catch (error) {
    memory[Symbol.dispose]();
    throw error;
  }
}

/** The pid as the process itself sees it: the last one of NSpid in /proc/pid/status (proc(5)). */
function innerPid(pid: number): number {
  const line = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]?.trim().split(/\s+/).at(-1) ?? pid);
}

import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AppendMemfd } from "../ffi/append_memfd.ts";
import { decoder, encoder } from "../ffi/bytes.ts";
import { openLibc } from "../ffi/libc.ts";
import { childrenOf } from "../ffi/process_tree.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { statusField } from "../ffi/status_field.ts";

const NAME = "criu-aware-launcher";
const LINK = `/memfd:${NAME} (deleted)`;
/** A path, PATH_MAX of linux/limits.h. */
const LONGEST = 4096;
/** How long a dump may go on after the end of the program: then the manifest is written. */
const FINISHING_MS = 60_000;

/** Where a dump tells the process that started its program that it ended the program, and where the images are. */
export interface LauncherNote extends Disposable {
  /** Resolves, once no dump is at work, with the directory of one that has ended the program; undefined when none has. */
  dumpedTo(): Promise<string | undefined>;
}

/** Opens a note of this process, which is the parent of a program. */
export async function openLauncherNote(): Promise<LauncherNote> {
  const file = AppendMemfd.create(await openLibc(), NAME);
  return {
    async dumpedTo() {
      for (const end = Date.now() + FINISHING_MS; !file.tryLock() && Date.now() < end; ) await sleep(20);
      const text = new Uint8Array(LONGEST);
      return decoder.decode(text.subarray(0, Math.max(0, file.read(text, 0)))) || undefined;
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/** Does a dump of the tree of `pid`, and tells the process that started it, if that wants to know. */
export async function tellingLauncher<T extends { readonly leftRunning: boolean }>(
  pid: number,
  imagesDir: string,
  dump: () => Promise<T>,
): Promise<T> {
  using note = await noteOf(pid);
  note?.tryLock();
  const result = await dump();
  if (!result.leftRunning) note?.write(encoder.encode(imagesDir));
  return result;
}

/**
 * The program of a process that has such a note; undefined for any other process, and for the init of a pid namespace, which is dumped
 * with all that it runs.
 */
export function programBelow(pid: number): number | undefined {
  try {
    const isInit = /\s1$/.test(statusField(readOrEmpty(`/proc/${pid}/status`), "NSpid") ?? "");
    return isInit || notePath(pid) === undefined ? undefined : childrenOf(pid)?.[0];
  } catch {
    // It ends, or belongs to somebody else.
    return undefined;
  }
}

function notePath(pid: number | string | undefined): string | undefined {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => `/proc/${pid}/fd/${fd}`)
    .find((path) => readlinkSync(path) === LINK);
}

async function noteOf(pid: number): Promise<AppendMemfd | undefined> {
  try {
    const path = notePath(statusField(readOrEmpty(`/proc/${pid}/status`), "PPid"));
    return path === undefined ? undefined : AppendMemfd.open(await openLibc(), path);
  } catch {
    // It ends, or belongs to somebody else.
    return undefined;
  }
}

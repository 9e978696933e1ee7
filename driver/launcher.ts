import { setTimeout as sleep } from "node:timers/promises";
import { AppendMemfd } from "../ffi/append_memfd.ts";
import { decoder, encoder } from "../ffi/bytes.ts";
import { descriptorLinks } from "../ffi/descriptor_links.ts";
import { openLibc } from "../ffi/libc.ts";
import { ownPidOf, userOf } from "../ffi/process.ts";
import { childrenOf } from "../ffi/process_tree.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { statusField } from "../ffi/status_field.ts";
import { looksAttached } from "./attached.ts";

const NAME = "criu-aware-launcher";
const LINK = `/memfd:${NAME} (deleted)`;
/** A path, PATH_MAX of linux/limits.h. */
const LONGEST = 4096;
/** How long a dump may go on after the end of the program: then the manifest is written. */
const FINISHING_MS = 60_000;
/** More than there are between a terminal and a program: npm, sh, bunx, sh, … */
const MOST_WRAPPERS = 16;

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
 * The program of a process that has such a note, or of one below it where that only waits for it: each has one child (bunx, npx, a
 * shell). Undefined for any other process, and for the init of a pid namespace, which is dumped with all that it runs.
 */
export function programBelow(pid: number): number | undefined {
  if (ownPidOf(pid) === 1) return undefined;
  let at = pid;
  for (let depth = 0; depth < MOST_WRAPPERS; depth++) {
    const [child, ...others] = childrenOf(at) ?? [];
    if (noteIn(at) !== undefined) return child;
    if (child === undefined || others.length > 0 || looksAttached(at)) return undefined;
    at = child;
  }
  return undefined;
}

function noteIn(pid: number): string | undefined {
  return descriptorLinks(pid).find(({ link }) => link === LINK)?.path;
}

/** The parent may be hostile, and have a note that it may only read: nothing is written to one that is not its own. */
async function noteOf(pid: number): Promise<AppendMemfd | undefined> {
  const parent = Number(statusField(readOrEmpty(`/proc/${pid}/status`), "PPid"));
  const path = noteIn(parent);
  if (path === undefined) return undefined;
  try {
    const file = AppendMemfd.open(await openLibc(), path);
    if (file.stat().uid === userOf(parent)) return file;
    file[Symbol.dispose]();
  } catch {
    // It ends, or belongs to somebody else, or is no memfd.
  }
  return undefined;
}

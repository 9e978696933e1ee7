import { listProc } from "#proc";
import { isArm64 } from "./arm64.ts";
import { descriptorLinks } from "./descriptor_links.ts";
import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";

/** What the memory of a worker that has joined is called: its thread, and its name. It must fit into the 249 bytes of memfd_create(2). */
export const JOINED_NAME = "criu-aware-worker";
/** What the memory of who holds workers is called. */
export const HOLDER_NAME = "criu-aware-workers";

const joinedLink = new RegExp(`^/memfd:${JOINED_NAME}:(\\d+):(.*) \\(deleted\\)$`, "s");
const holderLink = `/memfd:${HOLDER_NAME} (deleted)`;
/** Deno names the threads of its workers so, whatever the worker is called. */
const ofDeno = /^worker-\d+$/;
/** Only Deno has it. */
const isDenos = /^(V8 Default|tokio-runtime)/;
/** Bun names them so, or as the worker is called. */
const OF_BUN = "Worker";
/** Threads of Bun that run no JavaScript, and may be at work, or wait in an epoll. */
const helpersOfBun =
  /^(bun|HTTP Client|Bun Pool \d+|JITWorker|JSCWarmUp|HeapHelper|.*ollector Thread|mi-scavenger|fs\.watch|File Watcher)$/;
/** What a thread that runs JavaScript waits in: epoll_pwait(2) and epoll_pwait2(2), of asm/unistd_64.h (x86-64) or asm-generic/unistd.h (aarch64). */
const waitsInEpoll = new RegExp(`^(running|${isArm64 ? 22 : 281}|441)\\b`);

/** A thread, by its id in its own pid namespace. */
export interface Thread {
  readonly id: number;
  /** Any text. */
  readonly name: string;
}

/** The workers of a process, as far as the names of its threads and descriptors tell. */
export interface WorkerThreads {
  /** Those that have joined and still run. */
  readonly joined: readonly Thread[];
  /** Those that have not joined. */
  readonly others: readonly Thread[];
  /** Whether its main thread holds those that have joined. */
  readonly areHeld: boolean;
}

/** The workers of a process; none when it has ended, or may not be looked at. */
export function workerThreads(pid: number | "self"): WorkerThreads {
  const threads = jsThreads(pid);
  // Most processes have none, and need not be asked for their descriptors.
  if (threads.length === 0) return { joined: [], others: [], areHeld: false };
  const links = descriptorLinks(pid).map(({ link }) => link);
  const pages = links.flatMap((link) => joinedIn(link) ?? []);
  const isJoined = ({ id }: Thread): boolean => pages.some((page) => page.id === id);
  return {
    joined: threads.filter(isJoined).map((thread) => pages.find(({ id }) => id === thread.id) ?? thread),
    others: threads.filter((thread) => !isJoined(thread)),
    areHeld: links.includes(holderLink),
  };
}

/** The worker whose memory a descriptor leads to. */
export function joinedIn(link: string): Thread | undefined {
  const [, id, name] = joinedLink.exec(link) ?? [];
  return id === undefined ? undefined : { id: Number(id), name: name || `thread ${id}` };
}

/** Whether a descriptor leads to the memory of who holds workers. */
export function isHolder(link: string): boolean {
  return link === holderLink;
}

/** Whether this process has such a thread. */
export function isThread(id: number): boolean {
  return tasks("self").includes(String(id));
}

/** Threads that run the JavaScript of workers: by their names, and in Bun, where a worker may have any, by what they wait in. */
function jsThreads(pid: number | "self"): Thread[] {
  const all = tasks(pid).map((task) => {
    const path = `/proc/${pid}/task/${task}`;
    return { path, name: readOrEmpty(`${path}/comm`).replace(/\n$/, "") };
  });
  const isDeno = all.some(({ name }) => isDenos.test(name));
  // The first is the main thread.
  return all.slice(1).flatMap(({ path, name }) => {
    if (!(isDeno ? ofDeno.test(name) : name === OF_BUN || isLoopOfBun(path, name))) return [];
    // One number for each pid namespace, its own last.
    const ids = statusField(readOrEmpty(`${path}/status`), "NSpid");
    return ids === undefined ? [] : [{ id: Number(ids.split(/\s+/).at(-1)), name }];
  });
}

function isLoopOfBun(path: string, name: string): boolean {
  return !helpersOfBun.test(name) && waitsInEpoll.test(readOrEmpty(`${path}/syscall`));
}

function tasks(pid: number | "self"): string[] {
  try {
    return listProc(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

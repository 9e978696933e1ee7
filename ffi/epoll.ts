import { listProc, readProcLink } from "#proc";
import { isArm64 } from "./arm64.ts";
import { bytesOf } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { readOrEmpty } from "./read_or_empty.ts";
import type { Bound } from "./runtime.ts";
import { openWakePair } from "./wake_pair.ts";

// Only this module needs it.
const symbols = { epoll_ctl: [["i32", "i32", "i32", "buffer"], "i32"] } as const;
let bound: Bound<typeof symbols> | undefined;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EEXIST = 17;
const line = /^tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+)/gm;

/** A descriptor that an epoll watches: epoll_ctl(2). */
export interface Watch {
  /** The descriptor of the epoll. */
  readonly epoll: number;
  readonly events: number;
  readonly data: bigint;
}

/**
 * What the epolls of this process watch, by descriptor: proc_pid_fdinfo(5). Deno has two descriptors of each epoll: what they watch, they
 * watch with the same data, an address of the runtime's; the lower one then stands for both.
 */
export function readWatches(): Map<number, Watch[]> {
  const watches = new Map<number, Watch[]>();
  for (const epoll of listProc("/proc/self/fd")
    .filter(isEpoll)
    .map(Number)
    .sort((a, b) => a - b)) {
    for (const { fd, ...watch } of watchesIn(epoll, readOrEmpty(`/proc/self/fdinfo/${epoll}`))) {
      const known = watches.get(fd) ?? [];
      if (!known.some(({ events, data }) => events === watch.events && data === watch.data))
        watches.set(fd, [...known, watch]);
    }
  }
  return watches;
}

/** Reads the fdinfo of an epoll. */
export function watchesIn(epoll: number, info: string): (Watch & { readonly fd: number })[] {
  return [...info.matchAll(line)].map(([, fd, events, data]) => ({
    fd: Number(fd),
    epoll,
    events: Number.parseInt(events as string, 16),
    data: BigInt(`0x${data}`),
  }));
}

function isEpoll(name: string): boolean {
  try {
    return readProcLink(`/proc/self/fd/${name}`) === "anon_inode:[eventpoll]";
  } catch {
    // It was closed meanwhile.
    return false;
  }
}

/** Lets an epoll watch a descriptor. To watch it already is no error. Throws SystemCallError. */
export function addWatch(libc: Libc, fd: number, { epoll, events, data }: Watch): void {
  // struct epoll_event of sys/epoll.h is packed on x86-64 only.
  const event = new DataView(new ArrayBuffer(16));
  event.setUint32(0, events, true);
  event.setBigUint64(isArm64 ? 8 : 4, data, true);
  const result = calls(libc).epoll_ctl(epoll, EPOLL_CTL_ADD, fd, bytesOf(event));
  if (result < 0 && libc.errno() !== EEXIST) libc.check(result, `watch descriptor ${fd}`);
}

/** An epoll no longer watches a descriptor; not to have watched it is no error. */
export function removeWatch(libc: Libc, fd: number, { epoll }: Watch): void {
  calls(libc).epoll_ctl(epoll, EPOLL_CTL_DEL, fd, new Uint8Array(16));
}

/**
 * The epoll that the event loop of this thread waits in, found by letting the runtime watch a descriptor. Undefined when the runtime
 * uses none.
 */
export async function epollOfThisThread(libc: Libc): Promise<number | undefined> {
  const [fd, other] = openWakePair(libc);
  const watch = await libc.runtime.watch(fd, () => {});
  try {
    return readWatches().get(fd)?.[0]?.epoll;
  } finally {
    watch[Symbol.dispose]();
    libc.close(other);
  }
}

function calls(libc: Libc): Bound<typeof symbols> {
  bound ??= libc.runtime.dlopen(libc.soname, symbols);
  return bound;
}

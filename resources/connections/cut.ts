import { addWatch, readWatches, removeWatch, type Watch } from "../../ffi/epoll.ts";
import type { Libc } from "../../ffi/libc.ts";
import { createPoll } from "../../ffi/poll.ts";
import { isSameSocket, openEnded, replace, shutConnection } from "../../ffi/stream_socket.ts";
import { tcpInfo } from "../../ffi/tcp_info.ts";
import { OpenConnectionsError } from "./errors.ts";
import { type Found, findSockets } from "./find.ts";

/** How long other threads have to close what was shut, in milliseconds. */
const CLOSE_MS = 500;
/** So long, and so many turns of the event loop, this thread has afterwards: on a busy machine one turn may take all of the time. */
const SETTLE_MS = 300;
const SETTLE_TURNS = 100;
const HEARD_TURNS = 3;
/** Between two looks, and how many must find nothing more. */
const LOOK_MS = 1;
const CALM_LOOKS = 3;
const NOT_CLOSED = "not closed by who has opened it";
const CLOSE_IT = "close it in a beforeCheckpoint of your own; a worker must not connect while a checkpoint is prepared";

/** Connections that were taken away for a checkpoint. */
export interface Cut {
  /**
   * Takes connections away, and nothing can open new ones until the hold: no turn of the event loop is needed.
   *
   * Those of other threads (Bun fetches in one, and workers have their own) are shut down; their owners close them while this thread
   * waits. In the place of each of this thread's own comes a socket whose other end is closed, which no epoll watches: so the runtime does
   * not notice. After the outcome it is watched like the one before, the runtime reads the end, closes it, and its client connects again.
   *
   * @throws {OpenConnectionsError} when another thread, or nobody, closes what was shut. This thread's own are then as they were.
   */
  cut(): void;
  /** Lets the event loop find their ends, and waits until it has closed them, at most `limitMs` in any case. */
  settle(limitMs: number): Promise<void>;
}

/** What a cut works on. */
export interface CutOptions {
  readonly libc: Libc;
  /** The epoll of this thread's event loop. */
  readonly epoll: number | undefined;
  /** Whether a socket is to be taken away. */
  readonly isMeant: (socket: Found) => boolean;
}

/** Prepares to take connections away. */
export function createCut({ libc, epoll, isMeant }: CutOptions): Cut {
  const pause = createPoll(libc, []);
  const swapped: [number, Watch][] = [];
  let ended = -1;
  const look = (): { mine: [number, Watch][]; others: Found[] } => {
    const watches = readWatches();
    const mine: [number, Watch][] = [];
    const others: Found[] = [];
    for (const socket of findSockets(libc).filter(isMeant)) {
      const [watch, ...more] = watches.get(socket.fd) ?? [];
      // One that is watched by nobody may be between two looks of another thread: it does not survive a swap.
      if (watch?.epoll === epoll && more.length === 0) mine.push([socket.fd, watch as Watch]);
      else others.push(socket);
    }
    return { mine, others };
  };
  return {
    cut() {
      let { mine, others } = look();
      // Who connects again at once needs a moment for that.
      let calm = others.length > 0 ? CALM_LOOKS : 0;
      for (const end = performance.now() + CLOSE_MS; others.length > 0 || calm > 0; { mine, others } = look()) {
        if (others.length > 0 && performance.now() > end) throw new OpenConnectionsError(NOT_CLOSED, others, CLOSE_IT);
        for (const { fd } of others) shutConnection(libc, fd);
        calm = others.length > 0 ? CALM_LOOKS : calm - 1;
        pause(LOOK_MS);
      }
      if (mine.length > 0) ended = openEnded(libc);
      for (const [fd, watch] of mine) {
        // A duplicate of the old socket would keep it watched.
        removeWatch(libc, fd, watch);
        swapped.push([fd, watch]);
        replace(libc, ended, fd);
      }
    },
    async settle(limitMs) {
      if (ended < 0) return;
      // The app may have closed one, and something else has its number.
      const isEnded = (fd: number): boolean => isSameSocket(libc, fd, ended);
      const left = swapped.splice(0).filter(([fd]) => isEnded(fd));
      for (const [fd, watch] of left) addWatch(libc, fd, watch);
      await settled(() => !left.some(([fd]) => isEnded(fd)), limitMs);
      libc.close(ended);
    },
  };
}

/** Waits until nothing is left of TCP connections that CRIU has closed by its option tcpClose: the runtime has noticed. */
export async function settleClosed(libc: Libc, fds: readonly number[], limitMs: number): Promise<void> {
  if (fds.length > 0) await settled(() => !fds.some((fd) => tcpInfo(libc, fd)?.state === "closed"), limitMs);
}

/** Waits until what is over, but not closed yet, is closed: many a close() is done before its descriptor is. */
export async function awaitClosed(libc: Libc, limitMs: number): Promise<void> {
  const isOver = ({ type, tcp }: Found): boolean => type === "connection" && tcp?.state === "closed";
  await until(() => !findSockets(libc).some(isOver), limitMs);
}

/** The descriptors are closed first; their clients hear of it some turns later. */
async function settled(isClosed: () => boolean, limitMs: number): Promise<void> {
  await until(isClosed, limitMs);
  for (let turns = HEARD_TURNS; turns > 0; turns--) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

/** The event loop turns meanwhile. What takes longer has another reason, and may go on. */
async function until(isDone: () => boolean, limitMs: number): Promise<void> {
  const begun = performance.now();
  for (let turns = 0; !isDone(); turns++) {
    const ms = performance.now() - begun;
    if (ms > limitMs || (ms > SETTLE_MS && turns > SETTLE_TURNS)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

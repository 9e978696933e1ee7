import { addWatch, readWatches, removeWatch, type Watch } from "../../ffi/epoll.ts";
import type { Libc } from "../../ffi/libc.ts";
import { changeAddress } from "../../ffi/socket_address.ts";
import { duplicate, isSameSocket, openLike, replace, stopListening } from "../../ffi/stream_socket.ts";
import type { SystemCallError } from "../../ffi/system_call_error.ts";
import { socketCalls } from "../../ffi/unix_socket.ts";
import type { RestoreContext } from "../../lifecycle/types.ts";
import { ListenAgainError } from "./errors.ts";
import type { Found } from "./find.ts";
import type { Connection } from "./socket.ts";

/** As many as Bun and Deno let wait. */
const BACKLOG = 511;
/** From bind(2): it is bound already. */
const EINVAL = 22;
/** The address is taken, or is none of this machine's (yet): both may pass. */
const passing = ["EADDRINUSE", "EADDRNOTAVAIL"];
const RETRY_MS = 25;

/** Where a server listens: the parts that are missing stay as they were. */
export interface ListenAddress {
  /** An IP address. */
  readonly address?: string;
  /** 0 chooses a free one. */
  readonly port?: number;
}

/** Chooses where a server listens after a checkpoint; `undefined` is where it did before. Called for each, at once. */
export type ListenAt = (listener: Connection, context: RestoreContext) => ListenAddress | undefined;

/** Servers that do not listen for the time of a checkpoint. */
export interface Listeners {
  /**
   * Stops to listen, so that nobody can connect while the app is held: a client that did would make the dump fail. The runtime does not
   * notice, for nothing watches the socket meanwhile. Throws SystemCallError; what was closed until then listens again by `open`.
   */
  close(sockets: readonly Found[]): void;
  /**
   * Lets all of them listen again: at once, in this very call, where nothing is in the way. Where somebody else has the address, who may be
   * going away, it tries again, at most `limitMs`. Resolves with what went wrong.
   */
  open(context: RestoreContext, limitMs: number): Promise<ListenAgainError[]>;
}

/** One of them. `kept` is the same socket, by which it is known again. */
interface Server {
  readonly socket: Found;
  readonly kept: number;
  readonly watches: readonly Watch[];
}

/** How servers are treated. */
export interface ListenersOptions {
  readonly libc: Libc;
  /** The epoll of this thread's event loop: a server of another thread would notice. */
  readonly epoll: number | undefined;
  /** Give the address up as well, so that another one can be taken. */
  readonly rebind: boolean;
  readonly listenAt: ListenAt | undefined;
}

/** Whether nobody but this thread, whose event loop waits in `epoll`, watches a socket. */
export function isWatchedBy(epoll: number | undefined, watches: readonly Watch[] = []): boolean {
  return watches.every((watch) => watch.epoll === epoll);
}

/** Prepares to close servers. */
export function createListeners(options: ListenersOptions): Listeners {
  const { libc, epoll, rebind, listenAt } = options;
  const servers: Server[] = [];
  const close = (socket: Found, watches: readonly Watch[]): void => {
    const { fd, local } = socket;
    for (const watch of watches) removeWatch(libc, fd, watch);
    const kept = rebind ? openLike(libc, fd) : duplicate(libc, fd);
    servers.push({ socket, kept, watches });
    if (rebind) return replace(libc, kept, fd);
    stopListening(libc, fd);
    // The kernel takes back a port that it has chosen itself.
    bindIfUnbound(libc, fd, local.bytes);
  };
  return {
    close(sockets) {
      const watches = readWatches();
      for (const socket of sockets) {
        const found = watches.get(socket.fd) ?? [];
        // The one of another thread would find it closed.
        if (isWatchedBy(epoll, found)) close(socket, found);
      }
    },
    async open(context, limitMs) {
      const end = performance.now() + limitMs;
      const opening = servers.splice(0).map(async (server) => {
        try {
          await listenAgain(server, context, end);
          return [];
        } catch (cause) {
          return [new ListenAgainError(server.socket, cause, cureOf(rebind))];
        } finally {
          libc.close(server.kept);
        }
      });
      return (await Promise.all(opening)).flat();
    },
  };

  /** Waits for nothing when the first try is a success. */
  async function listenAgain({ socket, kept, watches }: Server, context: RestoreContext, end: number): Promise<void> {
    const { fd, local } = socket;
    let address: Uint8Array | undefined;
    // Unless the app has closed it.
    while (isSameSocket(libc, fd, kept)) {
      address ??= (rebind ? addressOf(libc, socket, listenAt, context) : undefined) ?? local.bytes;
      try {
        bindIfUnbound(libc, fd, address);
        libc.check(socketCalls(libc).listen(fd, BACKLOG), "listen");
        for (const watch of watches) addWatch(libc, fd, watch);
        return;
      } catch (error) {
        if (!passing.includes((error as SystemCallError).code) || performance.now() > end) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function addressOf(
  libc: Libc,
  { fd, type, family, local, remote, openedAt }: Found,
  listenAt: ListenAt | undefined,
  context: RestoreContext,
): Uint8Array | undefined {
  const chosen: unknown = listenAt?.({ fd, type, family, local, remote, openedAt }, context);
  if (chosen === undefined) return undefined;
  if (typeof chosen !== "object" || chosen === null || "then" in chosen)
    throw new TypeError("listenAt must return { address, port } or undefined, at once");
  return changeAddress(libc, local, chosen as ListenAddress);
}

function bindIfUnbound(libc: Libc, fd: number, address: Uint8Array): void {
  const result = socketCalls(libc).bind(fd, address, address.length);
  if (result < 0 && libc.errno() !== EINVAL) libc.check(result, "bind to its address");
}

function cureOf(rebind: boolean): string {
  return rebind
    ? "let listenAt choose an address that is free and yours; port 0 finds a free port"
    : "restart the app; connections({ listen: 'rebind' }) can choose another address";
}

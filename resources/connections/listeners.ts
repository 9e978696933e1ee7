import { addWatch, readWatches, removeWatch, type Watch } from "../../ffi/epoll.ts";
import type { Libc } from "../../ffi/libc.ts";
import { changeAddress, localAddress } from "../../ffi/socket_address.ts";
import { statOf } from "../../ffi/stat.ts";
import { duplicate, openLike, replace, stopListening } from "../../ffi/stream_socket.ts";
import { socketCalls } from "../../ffi/unix_socket.ts";
import type { RestoreContext } from "../../lifecycle/types.ts";
import { ListenAgainError } from "./errors.ts";
import type { Found } from "./find.ts";
import type { Connection } from "./socket.ts";

/** As many as Bun and Deno let wait. */
const BACKLOG = 511;

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
export interface Closed {
  /** Lets all of them listen again. Returns what went wrong. */
  listen(context: RestoreContext): ListenAgainError[];
}

/** One of them. `kept` is the same socket, by which it is known again. */
interface Server {
  readonly socket: Found;
  readonly kept: number;
  readonly watches: readonly Watch[];
}

/** How servers are treated. */
export interface CloseOptions {
  readonly libc: Libc;
  /** The epoll of this thread's event loop: a server of another thread would notice. */
  readonly epoll: number | undefined;
  /** Give the address up as well, so that another one can be taken. */
  readonly rebind: boolean;
  readonly listenAt: ListenAt | undefined;
}

/**
 * Stops to listen, so that nobody can connect while the app is held: a client that did would make the dump fail. The runtime does not notice,
 * for nothing watches the socket meanwhile.
 */
export function closeListeners(sockets: readonly Found[], options: CloseOptions): Closed {
  const { libc, epoll, rebind, listenAt } = options;
  const watches = readWatches();
  const servers: Server[] = [];
  const closed: Closed = {
    listen: (context) =>
      servers.splice(0).flatMap((server) => {
        try {
          listenAgain(libc, server, rebind ? listenAt : undefined, context, rebind);
          return [];
        } catch (cause) {
          return [new ListenAgainError(server.socket, cause, cureOf(rebind))];
        } finally {
          libc.close(server.kept);
        }
      }),
  };
  for (const socket of sockets) {
    const found = watches.get(socket.fd) ?? [];
    if (found.some((watch) => watch.epoll !== epoll)) continue;
    for (const watch of found) removeWatch(libc, socket.fd, watch);
    const fresh = rebind ? openLike(libc, socket.fd) : -1;
    if (fresh >= 0) replace(libc, fresh, socket.fd);
    servers.push({ socket, kept: fresh >= 0 ? fresh : duplicate(libc, socket.fd), watches: found });
    if (fresh >= 0) continue;
    stopListening(libc, socket.fd);
    // The kernel takes back a port that it has chosen itself.
    if (localAddress(libc, socket.fd)?.port !== socket.local.port) bind(libc, socket.fd, socket.local.bytes);
  }
  return closed;
}

function listenAgain(
  libc: Libc,
  { socket, kept, watches }: Server,
  listenAt: ListenAt | undefined,
  context: RestoreContext,
  rebind: boolean,
): void {
  const { fd, local } = socket;
  // The app has closed it.
  if (!isSame(libc, fd, kept)) return;
  if (rebind) bind(libc, fd, addressOf(libc, socket, listenAt, context) ?? local.bytes);
  libc.check(socketCalls(libc).listen(fd, BACKLOG), "listen");
  for (const watch of watches) addWatch(libc, fd, watch);
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

function bind(libc: Libc, fd: number, address: Uint8Array): void {
  libc.check(socketCalls(libc).bind(fd, address, address.length), "bind to its address");
}

function isSame(libc: Libc, fd: number, other: number): boolean {
  try {
    return statOf(libc, fd).inode === statOf(libc, other).inode;
  } catch {
    return false;
  }
}

function cureOf(rebind: boolean): string {
  return rebind
    ? "let listenAt choose an address that is free and yours; port 0 finds a free port"
    : "restart the app; connections({ listen: 'rebind' }) can choose another address";
}

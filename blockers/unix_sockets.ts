import { readOrEmpty } from "../ffi/read_or_empty.ts";
import type { OpenSocket } from "./descriptor.ts";
import type { Outside } from "./holders.ts";
import { lazy } from "./lazy.ts";
import { fieldOf } from "./proc.ts";
import type { Scope } from "./scope.ts";
import { readUnixSockets, type UnixSocket } from "./unix_diag.ts";

const O_ASYNC = 0o20000;
const streams = ["its standard input", "its standard output", "its standard error"] as const;

/**
 * Looks at the unix sockets among `found`, keeps in `outside` what may block, and returns those of other families. A connection is no blocker when both ends are in the tree, or the
 * other one is closed: criu/sk-unix.c.
 */
export function checkUnixSockets(
  scope: Scope,
  outside: Outside,
  found: readonly OpenSocket[],
  all: ReadonlyMap<number, OpenSocket>,
  isOwnNamespace: boolean,
): OpenSocket[] {
  const known = readUnixSockets(scope.libc, (found[0] as OpenSocket).pid, isOwnNamespace);
  if (!known) return [...found];
  const ours = lazy(() => acceptedNames(known, all));
  const listeners = lazy(() => listenersOf(known));
  for (const socket of found) {
    const unix = known.get(socket.inode);
    if (!unix || unix.state === "listening" || unix.state === "other") continue;
    if (unix.peer !== 0) {
      const isOurs = all.has(unix.peer) || (unix.name !== "" && ours().has(unix.name));
      if (!isOurs) keepPeer(outside, socket, unix, known.get(unix.peer));
    } else if (unix.state === "connected" && unix.type !== "datagram" && !unix.isShut) {
      // A connection that nobody has accepted yet can be dumped only when who listens is in the tree.
      const listener = listeners().get(socket.inode);
      if (!listener || !all.has(listener.inode)) keepPending(outside, socket, unix, listener);
    }
  }
  return found.filter(({ inode }) => !known.has(inode));
}

function keepPeer(outside: Outside, socket: OpenSocket, unix: UnixSocket, peer: UnixSocket | undefined): void {
  const { pid, fd, link, inode } = socket;
  const name = peer?.name || unix.name;
  const isDatagram = unix.type === "datagram";
  const kind = fd <= 2 ? "stdio" : isDatagram ? "unix-datagram" : "unix-stream";
  const held = fd <= 2 ? `${streams[fd]} is a unix socket` : "a unix socket";
  const needs = { external: (value: unknown) => (value as readonly string[]).includes(`unix[${inode}]`) };
  outside.add(kind, unix.peer, name, {
    pid,
    fd,
    what: `${held} that is connected to a process outside of the tree${name ? ` (${name})` : ""}`,
    needs,
    // CRIU finds the other end again only by its name.
    ...(isDatagram && !peer?.name ? { except: ["extUnixSk"] } : {}),
    same: link,
  });
}

function keepPending(
  outside: Outside,
  { pid, fd, link }: OpenSocket,
  unix: UnixSocket,
  listener: UnixSocket | undefined,
): void {
  const what = "a unix socket whose connection is not accepted yet";
  outside.add("unix-pending", listener?.inode, listener?.name || unix.name, { pid, fd, what, same: link });
}

/** Who listens, by the connections that wait there. */
function listenersOf(known: ReadonlyMap<number, UnixSocket>): ReadonlyMap<number, UnixSocket> {
  const listeners = new Map<number, UnixSocket>();
  for (const socket of known.values()) for (const inode of socket.pending) listeners.set(inode, socket);
  return listeners;
}

/**
 * The names of the agent's own sockets (strategies/socket): a connection to one is answered and closed before the app is held. Such a
 * listening socket raises a signal for every connection (O_ASYNC), as no runtime's own does.
 */
function acceptedNames(
  known: ReadonlyMap<number, UnixSocket>,
  all: ReadonlyMap<number, OpenSocket>,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { inode, pid, fd } of all.values()) {
    const listener = known.get(inode);
    if (listener?.state !== "listening" || listener.name === "" || names.has(listener.name)) continue;
    const flags = Number.parseInt(fieldOf(readOrEmpty(`/proc/${pid}/fdinfo/${fd}`), "flags"), 8);
    if (flags & O_ASYNC) names.add(listener.name);
  }
  return names;
}

import { readOrEmpty } from "../ffi/read_or_empty.ts";
import type { OpenSocket } from "./descriptor.ts";
import { describeProcess, fieldOf, findHolder } from "./proc.ts";
import { perhapsInside, type Scope } from "./scope.ts";
import { readUnixSockets, type UnixSocket } from "./unix_diag.ts";

const O_ASYNC = 0o20000;
const streams = ["its standard input", "its standard output", "its standard error"] as const;

/**
 * Looks at the unix sockets among `found` and returns the others. A connection is no blocker when both ends are in the tree, or the
 * other one is closed: criu/sk-unix.c.
 */
export function checkUnixSockets(
  scope: Scope,
  found: readonly OpenSocket[],
  all: ReadonlyMap<number, OpenSocket>,
  isOwnNamespace: boolean,
): OpenSocket[] {
  const known = readUnixSockets(scope.libc, (found[0] as OpenSocket).pid, isOwnNamespace);
  if (!known) return [...found];
  const isOurs = (socket: UnixSocket): boolean => isAcceptedByUs(socket, known, all);
  for (const socket of found) {
    const unix = known.get(socket.inode);
    if (!unix || unix.state === "listening" || unix.state === "other") continue;
    if (unix.peer !== 0) {
      if (!all.has(unix.peer) && !isOurs(unix)) reportPeer(scope, socket, unix, known.get(unix.peer));
    } else if (unix.state === "connected" && unix.type !== "datagram" && !unix.isShut) {
      checkPending(scope, socket, unix, known, all);
    }
  }
  return found.filter(({ inode }) => !known.has(inode));
}

function reportPeer(scope: Scope, socket: OpenSocket, unix: UnixSocket, peer: UnixSocket | undefined): void {
  const { pid, fd, link, inode } = socket;
  const holder = findHolder(unix.peer, scope.tree);
  const name = peer?.name || unix.name;
  const who = [name, holder === undefined ? "" : describeProcess(holder)].filter(Boolean).join(", ");
  const isDatagram = unix.type === "datagram";
  const kind = fd <= 2 ? "stdio" : isDatagram ? "unix-datagram" : "unix-stream";
  const held = fd <= 2 ? `${streams[fd]} is a unix socket` : "a unix socket";
  const needs = { external: (value: unknown) => (value as readonly string[]).includes(`unix[${inode}]`) };
  scope.report.add(kind, {
    pid,
    fd,
    what: `${held} that is connected to a process outside of the tree${name ? ` (${name})` : ""}`,
    who: who || undefined,
    needs,
    // CRIU finds the other end again only by its name.
    ...(isDatagram && !peer?.name ? { except: ["extUnixSk"] } : {}),
    perhaps: perhapsInside(scope, holder),
    same: link,
  });
}

/** A connection that nobody has accepted yet can be dumped only when who listens is in the tree. */
function checkPending(
  scope: Scope,
  { pid, fd, link, inode }: OpenSocket,
  unix: UnixSocket,
  known: ReadonlyMap<number, UnixSocket>,
  all: ReadonlyMap<number, OpenSocket>,
): void {
  const listener = [...known.values()].find(({ pending }) => pending.includes(inode));
  if (listener && all.has(listener.inode)) return;
  const name = listener?.name || unix.name;
  const holder = listener && findHolder(listener.inode, scope.tree);
  const who = [name, holder === undefined ? "" : describeProcess(holder)].filter(Boolean).join(", ");
  scope.report.add("unix-pending", {
    pid,
    fd,
    what: "a unix socket whose connection is not accepted yet",
    who: who || undefined,
    perhaps: perhapsInside(scope, holder),
    same: link,
  });
}

/**
 * A connection to the agent's own socket (strategies/socket), which is answered and closed before the app is held. Its listening socket
 * raises a signal for every connection (O_ASYNC), as no runtime's own does.
 */
function isAcceptedByUs(
  { name }: UnixSocket,
  known: ReadonlyMap<number, UnixSocket>,
  all: ReadonlyMap<number, OpenSocket>,
): boolean {
  if (name === "") return false;
  return [...all.values()].some(({ inode, pid, fd }) => {
    const listener = known.get(inode);
    if (listener?.state !== "listening" || listener.name !== name) return false;
    return (Number.parseInt(fieldOf(readOrEmpty(`/proc/${pid}/fdinfo/${fd}`), "flags"), 8) & O_ASYNC) !== 0;
  });
}

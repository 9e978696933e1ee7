import { cString } from "../ffi/bytes.ts";
import type { Libc } from "../ffi/libc.ts";
import { scanCalls } from "./calls.ts";
import { wasConnected } from "./closed_tcp.ts";
import type { OpenSocket } from "./descriptor.ts";
import { createOutside, type Outside } from "./holders.ts";
import { type InetSocket, parseAddress, parseInet, parseNetlink } from "./net_tables.ts";
import { namespaceOf, readLines } from "./proc.ts";
import type { Scope } from "./scope.ts";
import { checkUnixSockets } from "./unix_sockets.ts";

/** The protocols that CRIU dumps, as the kernel names them (`system.sockprotoname`). */
const dumped = /^(TCP|UDP|RAW|PING|UNIX|NETLINK|PACKET)/;

/** Looks at the sockets of the tree, each network namespace for itself. */
export function checkSockets(scope: Scope, sockets: ReadonlyMap<number, OpenSocket>): void {
  const namespaces = new Map<string, OpenSocket[]>();
  const namespaceOfPid = new Map<number, string>();
  for (const socket of sockets.values()) {
    const namespace = namespaceOfPid.get(socket.pid) ?? namespaceOf(socket.pid, "net");
    namespaceOfPid.set(socket.pid, namespace);
    const found = namespaces.get(namespace);
    if (found) found.push(socket);
    else namespaces.set(namespace, [socket]);
  }
  const outside = createOutside(scope);
  const own = namespaces.size > 0 ? namespaceOf("self", "net") : "";
  for (const [namespace, found] of namespaces) checkNamespace(scope, outside, found, sockets, namespace === own);
  outside.report();
}

function checkNamespace(
  scope: Scope,
  outside: Outside,
  found: readonly OpenSocket[],
  all: ReadonlyMap<number, OpenSocket>,
  isOwn: boolean,
): void {
  const { pid } = found[0] as OpenSocket;
  const open = checkUnixSockets(scope, outside, found, all, isOwn);
  const done = new Set<OpenSocket>();
  const asked = new Set<string>();
  for (const socket of open) {
    if (done.has(socket)) continue;
    // One socket tells its protocol, whose table knows the others of it. What stands in no table is neither bound nor connected.
    const protocol = protocolOf(scope.libc, socket);
    if (protocol !== "" && !dumped.test(protocol)) {
      const what = `a socket of the family ${protocol}`;
      scope.report.add("socket", { ...place(socket), what, who: protocol, same: socket.link });
    }
    const check = asked.has(protocol) ? undefined : readTable(scope, pid, protocol);
    asked.add(protocol);
    if (check) for (const other of open) if (check(other)) done.add(other);
    if (!done.has(socket) && protocol.startsWith("TCP") && wasConnected(scope.libc, socket)) {
      scope.report.add("tcp", {
        ...place(socket),
        what: "a TCP connection that is over, but not closed",
        same: socket.link,
      });
    }
  }
}

/** Reads the table of a protocol; what is returned reports a socket, and says whether it stands there. */
function readTable(scope: Scope, pid: number, protocol: string): ((socket: OpenSocket) => boolean) | undefined {
  const lines = (name: string): string[] => readLines(`/proc/${pid}/net/${name}`);
  if (protocol === "NETLINK") {
    const unread = new Map(parseNetlink(lines("netlink")));
    return (socket) => checkNetlink(scope, socket, unread.get(socket.inode));
  }
  const table = { TCP: "tcp", TCPv6: "tcp6" }[protocol];
  if (!table) return undefined;
  const known = new Map(parseInet(lines(table)).map((socket) => [socket.inode, socket]));
  return (socket) => checkTcp(scope, socket, known.get(socket.inode));
}

function checkNetlink(scope: Scope, socket: OpenSocket, unread: number | undefined): boolean {
  const what = `a netlink socket with ${unread} bytes to read`;
  if (unread) scope.report.add("netlink", { ...place(socket), what, same: socket.link });
  return unread !== undefined;
}

function checkTcp(scope: Scope, socket: OpenSocket, known: InetSocket | undefined): boolean {
  if (!known) return false;
  const { state, pending } = known;
  if (state !== "connected" && pending === 0) return true;
  const local = parseAddress(known.local);
  if (state === "connected") {
    const remote = parseAddress(known.remote);
    const what = `a TCP connection ${local} → ${remote}`;
    scope.report.add("tcp", { ...place(socket), what, who: remote, same: socket.link });
  } else {
    const what = `${pending} TCP connections that wait to be accepted on ${local}`;
    scope.report.add("tcp-pending", { ...place(socket), what, same: socket.link });
  }
  return true;
}

/** The name of a socket's protocol: an extended attribute that the kernel shows of every socket; "" when it cannot be read. */
function protocolOf(libc: Libc, { pid, fd }: OpenSocket): string {
  const value = new Uint8Array(64);
  const path = cString(`/proc/${pid}/fd/${fd}`);
  const length = scanCalls(libc).getxattr(path, cString("system.sockprotoname"), value, value.length);
  return length < 0 ? "" : new TextDecoder().decode(value.subarray(0, length)).replace(/\0+$/, "");
}

function place({ pid, fd }: OpenSocket): { pid: number; fd: number } {
  return { pid, fd };
}

import { readUnixSockets } from "../../blockers/unix_diag.ts";
import { descriptorLinks } from "../../ffi/descriptor_links.ts";
import type { Libc } from "../../ffi/libc.ts";
import { processTree } from "../../ffi/process_tree.ts";
import { localAddress, remoteAddress } from "../../ffi/socket_address.ts";
import { fileFlags, streamSocket } from "../../ffi/stream_socket.ts";
import { type TcpInfo, tcpInfo } from "../../ffi/tcp_info.ts";
import type { Connection } from "./socket.ts";

const O_ASYNC = 0o20000;

/** A socket with what is known of it. */
export interface Found extends Connection {
  /** The inode, as /proc shows it; another one after a restore. */
  readonly inode: number;
  /** Of TCP only. */
  readonly tcp: TcpInfo | undefined;
}

/**
 * The stream sockets of this process that CRIU could not carry, and those that listen. Not those between the processes of its own tree,
 * nor the agent's own.
 */
export function findSockets(libc: Libc): Found[] {
  const found = descriptorLinks("self").flatMap(({ path, link }) => {
    const inode = Number(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? -1);
    return inode < 0 ? [] : (look(libc, Number(path.slice(path.lastIndexOf("/") + 1)), inode) ?? []);
  });
  // The agent's own listening socket raises a signal for every connection, as no runtime's does: strategies/socket.
  const agents = new Set(
    found
      .filter(({ fd, family, type }) => isUnixListener(family, type) && fileFlags(libc, fd) & O_ASYNC)
      .map(localPath),
  );
  const others = found.filter((socket) => socket.family !== "unix" || !agents.has(localPath(socket)));
  if (!others.some(({ family, type }) => family === "unix" && type === "connection")) return others;
  const inside = insidePeers(libc);
  return others.filter(({ family, type, inode }) => family !== "unix" || type === "listener" || !inside(inode));
}

const isUnixListener = (family: string, type: string): boolean => family === "unix" && type === "listener";
const localPath = ({ local }: Connection): string => local.path ?? "";

function look(libc: Libc, fd: number, inode: number): Found | undefined {
  const stream = streamSocket(libc, fd);
  const local = stream && localAddress(libc, fd);
  if (!local) return undefined;
  const { family } = local;
  const remote = remoteAddress(libc, fd);
  const tcp = family === "unix" ? undefined : tcpInfo(libc, fd);
  if (stream.listens) return { fd, inode, type: "listener", family, local, remote: undefined, tcp };
  // Pairs have no names: the runtimes' own, and those to children.
  if (family === "unix" && !(remote && (remote.path || local.path))) return undefined;
  // What was never connected has sent nothing.
  if (family !== "unix" && (!tcp || (tcp.state === "closed" && tcp.segmentsSent === 0))) return undefined;
  return { fd, inode, type: "connection", family, local, remote, tcp };
}

/** Tells of a unix socket whether its other end is in the tree of this process: CRIU dumps both. */
function insidePeers(libc: Libc): (inode: number) => boolean {
  const known = readUnixSockets(libc, process.pid, true);
  const ours = new Set(
    // Without all permissions Deno does not tell its children.
    ["self" as const, ...processTree(process.pid)].flatMap((pid) => descriptorLinks(pid)).map(({ link }) => link),
  );
  return (inode) => {
    const peer = known?.get(inode)?.peer ?? 0;
    return peer !== 0 && ours.has(`socket:[${peer}]`);
  };
}

/** The tables of /proc/net: proc_pid_net(5), and the kernel's networking/proc_net_tcp.txt. */

/** A TCP socket, as /proc/net/tcp and tcp6 show it. */
export interface InetSocket {
  readonly inode: number;
  readonly state: "connected" | "listening" | "closed";
  /** As the kernel writes it: for {@linkcode parseAddress}. */
  readonly local: string;
  readonly remote: string;
  /** Of a listening socket: connections that wait to be accepted. */
  readonly pending: number;
}

// include/net/tcp_states.h: established, SYN sent, the FINs, waiting for close, last ACK, closing. Those in TIME_WAIT have no descriptor.
const connected = new Set(["01", "02", "04", "05", "08", "09", "0B"]);
const LISTENING = "0A";
// sl, local and remote address, state, queues, timers, retransmits, uid, timeout, inode. A host may have many thousands of them.
const end = "((?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4})";
const columns = new RegExp(`^ *\\d+: ${end} ${end} (\\S\\S) \\S+:([0-9A-F]+) \\S+ \\S+ +\\d+ +\\d+ (\\d+) `);

/** Reads the lines of /proc/net/tcp or tcp6; those without an inode, and those that are no socket, are left out. */
export function parseInet(lines: readonly string[]): InetSocket[] {
  const sockets: InetSocket[] = [];
  for (const line of lines) {
    const found = columns.exec(line);
    if (!found) continue;
    const [, local, remote, state, queue, inode] = found as unknown as [string, string, string, string, string, string];
    if (inode === "0") continue;
    sockets.push({
      inode: Number(inode),
      state: connected.has(state) ? "connected" : state === LISTENING ? "listening" : "closed",
      local,
      remote,
      pending: state === LISTENING ? Number.parseInt(queue, 16) : 0,
    });
  }
  return sockets;
}

/** `0100007F:1F90` → `127.0.0.1:8080`: words of four bytes in the order of the machine, which is little-endian here. */
export function parseAddress(text: string): string {
  const [address = "", port = ""] = text.split(":");
  const bytes = [...address.matchAll(/(..)(..)(..)(..)/g)].flatMap(([, a, b, c, d]) => [d, c, b, a] as string[]);
  const number = Number.parseInt(port, 16);
  if (bytes.length === 4) return `${bytes.map((byte) => Number.parseInt(byte, 16)).join(".")}:${number}`;
  const mapped = /^00000000000000000000FFFF(........)$/i.exec(bytes.join(""));
  if (mapped)
    return `${bytes
      .slice(12)
      .map((byte) => Number.parseInt(byte, 16))
      .join(".")}:${number}`;
  const groups = Array.from({ length: 8 }, (_, i) => `${bytes[2 * i]}${bytes[2 * i + 1]}`.replace(/^0{1,3}/, ""));
  const short = groups
    .join(":")
    .toLowerCase()
    .replace(/(^|:)0(:0)+(:|$)/, "::");
  return `[${short}]:${number}`;
}

/** Inode and unread bytes of the sockets in /proc/net/netlink. */
export function parseNetlink(lines: readonly string[]): [inode: number, unread: number][] {
  return lines.slice(1).map((line) => {
    const columns = line.trim().split(/\s+/);
    return [Number(columns[9]), Number(columns[4])];
  });
}

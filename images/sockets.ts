import type { InetSocket, UnixSocket } from "./messages/files.ts";

// The numbers of the kernel: AF_INET6, SOCK_STREAM, and net/tcp_states.h.
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const states: Readonly<Record<number, string>> = { 1: "connected", 10: "listening" };

/** An internet socket in words: `tcp 127.0.0.1:80 listening`, `tcp 127.0.0.1:5000 to 10.0.0.1:443 connected`. */
export function describeInetSocket(socket: InetSocket): string {
  const { family, type, state, srcAddr, srcPort, dstAddr, dstPort } = socket;
  const address = family === AF_INET6 ? ipv6 : ipv4;
  return [
    type === SOCK_STREAM ? "tcp" : "udp",
    `${address(srcAddr)}:${srcPort}`,
    ...(dstPort > 0 ? ["to", `${address(dstAddr)}:${dstPort}`] : []),
    ...(type === SOCK_STREAM && states[state] ? [states[state]] : []),
  ].join(" ");
}

/** A unix socket in words: its path, an abstract name after `@`, or that it has no name. */
export function describeUnixSocket({ name, state, type }: UnixSocket): string {
  const text = new TextDecoder().decode(name).replace(/^\0/, "@").replace(/\0+$/, "");
  const word = type === SOCK_STREAM ? states[state] : undefined;
  return [text || "unnamed", ...(word ? [word] : [])].join(" ");
}

/** CRIU keeps addresses as words in the byte order of the network, read on a little-endian machine. */
function bytesOf(words: readonly number[], count: number): number[] {
  return Array.from({ length: count * 4 }, (_, i) => ((words[i >> 2] ?? 0) >>> ((i % 4) * 8)) & 0xff);
}

function ipv4(words: readonly number[]): string {
  return bytesOf(words, 1).join(".");
}

function ipv6(words: readonly number[]): string {
  const bytes = bytesOf(words, 4);
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16),
  );
  // The shortest form is what the URL parser makes of it.
  return new URL(`http://[${groups.join(":")}]`).hostname;
}

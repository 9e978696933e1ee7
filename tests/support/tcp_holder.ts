/** Holds a TCP connection and a new TCP socket, prints their descriptors in one line, and stays. */
import { readdirSync, readlinkSync } from "node:fs";
import { connect, createServer } from "node:net";
import { openBlockedCalls } from "./blocked_calls.ts";

const { calls, check } = await openBlockedCalls();
const sockets = (): string[] =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false;
    }
  });
const server = createServer(() => {}).listen(0, "127.0.0.1", () => {
  const before = new Set(sockets());
  const client = connect((server.address() as { port: number }).port, "127.0.0.1", () => {
    const connected = sockets().find((fd) => !before.has(fd));
    // AF_INET, SOCK_STREAM | SOCK_CLOEXEC
    console.log(`${connected} ${check(calls.socket(2, 1 | 0o2000000, 0), "socket")}`);
    setInterval(() => client.ref(), 1000);
  });
});

/** What blocked_app.ts can hold that CRIU dumps and could not restore, or finds again only by its name. */
import { mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, watch, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { BlockedCalls } from "./blocked_calls.ts";
import { waitFor } from "./time.ts";

export function openRestores(
  { calls, check }: BlockedCalls,
  at: string | number,
): Record<string, () => unknown | Promise<unknown>> {
  return {
    /** A connection that the other side has reset, while the descriptor is still open. */
    overTcp: async () => {
      const server = createServer((socket) => socket.resetAndDestroy());
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const fd = check(calls.socket(2, 1, 0), "socket");
      const address = Uint8Array.from([2, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
      check(calls.connect(fd, address, address.length), "connect");
      const inode = /\d+/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[0] ?? "";
      await waitFor("the reset", () => !readFileSync("/proc/self/net/tcp", "utf8").includes(` ${inode} `));
      await new Promise((resolve) => server.close(resolve));
      return fd;
    },
    threadFile: () => {
      const thread = readdirSync("/proc/self/task").find((id) => Number(id) !== process.pid);
      return openSync(`/proc/self/task/${thread}/stat`, "r");
    },
    /** A deleted file that is open, and watched: what a reload in place leaves behind. */
    watchDeleted: () => {
      mkdirSync(String(at), { recursive: true });
      const path = join(String(at), "watched");
      writeFileSync(path, "x");
      const held = [openSync(path, "r"), watch(path, () => {})];
      rmSync(path);
      return held;
    },
  };
}

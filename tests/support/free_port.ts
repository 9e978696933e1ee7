import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that nothing has, and that no connection gets by itself (net.ipv4.ip_local_port_range begins at 32768). */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

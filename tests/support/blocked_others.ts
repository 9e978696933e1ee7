/** The other side of what an app holds, in the process of the test. */
import { closeSync, constants, openSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { openBlockedCalls, unixAddress } from "./blocked_calls.ts";

/** Something that an app can be connected to: a port, a path, a pid. */
export interface Other extends AsyncDisposable {
  readonly at: string | number;
}

async function listening(server: Server, where: number | string): Promise<Other> {
  await new Promise<void>((resolve) => server.listen(where as number, resolve));
  const address = server.address() as AddressInfo | string;
  return {
    at: typeof address === "string" ? address : address.port,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

async function bound(path: string, type: number): Promise<Other> {
  const { calls, check, close } = await openBlockedCalls();
  const fd = check(calls.socket(1, type, 0), "socket");
  const address = unixAddress(path);
  check(calls.bind(fd, address, address.length), "bind");
  if (type === 1) check(calls.listen(fd, 8), "listen");
  return { at: path, [Symbol.asyncDispose]: async () => void close(fd) };
}

/** The name of another side. */
export type OtherName = "tcp" | "http" | "unix" | "silent" | "datagram" | "terminal" | "self";

/** Opens another side; `directory` is for what it needs. */
export const others: Readonly<Record<OtherName, (directory: string) => Promise<Other>>> = {
  tcp: () => listening(createServer().unref(), 0),
  http: () => listening(createHttpServer((_, response) => response.end("x")).unref(), 0),
  unix: (directory: string) => listening(createServer().unref(), join(directory, "server.sock")),
  /** Listens, and accepts nothing. */
  silent: (directory) => bound(join(directory, "silent.sock"), 1),
  datagram: (directory) => bound(join(directory, "datagram.sock"), 2),
  async terminal(): Promise<Other> {
    const { calls, check } = await openBlockedCalls();
    const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY);
    check(calls.unlockpt(master), "unlockpt");
    const name = new Uint8Array(64);
    calls.ptsname_r(master, name, name.length);
    return {
      at: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
      [Symbol.asyncDispose]: async () => closeSync(master),
    };
  },
  self: async (): Promise<Other> => ({ at: process.pid, async [Symbol.asyncDispose]() {} }),
};

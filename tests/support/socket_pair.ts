/** Sockets of this process, and the hooks of connections() around them. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { ConnectionsResource } from "criu-aware/resources/connections";

/** A server and a client of it, in this process. */
export interface Pair extends Disposable {
  readonly port: number;
  readonly server: Server;
  readonly client: Socket;
  /** The end of the server. */
  readonly accepted: Socket;
}

/** Opens one. */
export async function openPair(at: { port?: number; host?: string; path?: string } = {}): Promise<Pair> {
  const server = createServer().listen(at.path ? at : { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = at.path ? connect(at.path) : connect(port, "127.0.0.1");
  const [[accepted]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
  for (const one of [client, accepted]) one.on("error", () => {}).resume();
  return {
    port,
    server,
    client,
    accepted,
    [Symbol.dispose]() {
      client.destroy();
      accepted.destroy();
      server.close();
    },
  };
}

/** Goes through the hooks as an agent does; `held` runs at once, where the app would be held. */
export async function round(
  resource: ConnectionsResource,
  criuOptions: readonly string[] = [],
  held: () => void = () => {},
): Promise<void> {
  const context = { noticeId: "1", criuOptions, timeoutMs: 1000, signal: new AbortController().signal };
  try {
    await resource.beforeCheckpoint?.(context);
    resource.beforeHold?.(context);
    held();
  } finally {
    await resource.afterRestore?.({ ...context, outcome: "aborted", generation: 0, simulated: false, frozenMs: 0 });
  }
}

/** How often a socket was closed so far. */
export function closes(socket: Socket): () => number {
  let count = 0;
  socket.on("close", () => count++);
  return () => count;
}

/** Whether somebody listens there. */
export async function isAnswered(port: number): Promise<boolean> {
  const client = connect(port, "127.0.0.1");
  const connected = await once(client, "connect").then(
    () => true,
    () => false,
  );
  client.destroy();
  return connected;
}

/** Whole clients that draw: TLS as three of them begin it, and a connection of NATS. Their servers are here too, and say what came. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { connect as connectNats } from "@nats-io/transport-node";

const TIMES = 5;

export async function drawFromClients(): Promise<Record<string, string[]>> {
  const draws: Record<string, string[]> = { "client NATS": [await natsInbox()] };
  for (const [name, begin] of Object.entries(tlsClients)) {
    const hellos: string[][] = [];
    for (let n = 0; n < TIMES; n++) hellos.push(await clientHello(begin));
    draws[`client ${name}: random`] = hellos.map(([random]) => random as string);
    draws[`client ${name}: key share`] = hellos.map(([, share]) => share as string);
  }
  return draws;
}

const ignore = (): void => {};
const tlsClients: Record<string, (port: number) => void> = {
  fetch: (port) => void fetch(`https://127.0.0.1:${port}/`).catch(ignore),
  "node:tls": (port) => void connectTls({ port, host: "127.0.0.1" }).on("error", ignore),
  WebSocket: (port) => {
    new WebSocket(`wss://127.0.0.1:${port}/`).onerror = ignore;
  },
};

/** A server that lasts for one client. */
async function serve<T>(
  accept: (socket: Socket, done: (value: T) => void) => void,
  use: (port: number) => void,
): Promise<T> {
  const server = createServer();
  const served = new Promise<T>((resolve) => {
    server.on("connection", (socket) => {
      socket.on("error", ignore);
      accept(socket, (value) => {
        socket.destroy();
        resolve(value);
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  use((server.address() as AddressInfo).port);
  const value = await served;
  server.close();
  return value;
}

/** The random and the key share of a ClientHello (RFC 8446, 4.1.2 and 4.2.8), in hexadecimal digits. */
function clientHello(begin: (port: number) => void): Promise<string[]> {
  return serve((socket, done) => {
    let hello = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      hello = Buffer.concat([hello, bytes]);
      if (hello.length < 5 || hello.length < 5 + hello.readUInt16BE(3)) return;
      done([hello.subarray(11, 43).toString("hex"), keyShare(hello).toString("hex")]);
    });
  }, begin);
}

function keyShare(hello: Buffer): Buffer {
  // The session id, the ciphers and the compressions, each after its length.
  let at = 43;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  for (at += 2; at < hello.length; ) {
    const [type, length] = [hello.readUInt16BE(at), hello.readUInt16BE(at + 2)];
    if (type === 51) return hello.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return Buffer.alloc(0);
}

/** Where a new connection wants its answers: what two clones must not share. */
function natsInbox(): Promise<string> {
  const info = { server_id: "x", version: "2.10.0", proto: 1, max_payload: 1_048_576, headers: true };
  return serve(
    (socket, done) => {
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on("data", (bytes) => {
        const text = bytes.toString();
        if (/^PING/m.test(text)) socket.write("PONG\r\n");
        const [, inbox] = /^SUB (\S+)/m.exec(text) ?? [];
        if (inbox) done(inbox);
      });
    },
    async (port) => {
      const connection = await connectNats({ servers: `127.0.0.1:${port}`, reconnect: false });
      await connection.request("subject", "", { timeout: 5000 }).catch(ignore);
      await connection.close();
    },
  );
}

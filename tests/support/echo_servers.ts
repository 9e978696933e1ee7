/** Servers that say what they were asked: HTTP with WebSocket, and gRPC; in the process of a test. */
import { createServer, type RequestListener } from "node:http";
import { createSecureServer, type Http2Session, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { Server as GrpcServer, ServerCredentials } from "@grpc/grpc-js";
import { WebSocketServer } from "ws";
import { makeCertificate } from "./certificate.ts";
import type { Places } from "./connection_clients.ts";
import { startNats } from "./servers/nats.ts";
import { startPostgres } from "./servers/postgres.ts";
import { startRedis } from "./servers/redis.ts";

/** Servers of every kind. */
export interface EchoServers extends AsyncDisposable {
  readonly places: Places;
  /** Every request that came by HTTP, in order: method and path. */
  readonly requests: string[];
}

/** A path `/slow…` is answered after 1.5 s. */
const SLOW_MS = 1500;

const echo: RequestListener = (request, response) => void response.end(decodeURIComponent(request.url?.slice(1) ?? ""));

/** Starts HTTP only: enough for fetch and WebSocket. */
export async function startHttp(requests: string[] = []): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.url?.startsWith("/slow")) setTimeout(echo, SLOW_MS, request, response);
    else echo(request, response);
  });
  // However slow the test is: what is idle stays open.
  server.keepAliveTimeout = 600_000;
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => socket.send(String(data)));
    socket.on("error", () => {});
  });
  return {
    port: await listening(server),
    close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function listening(server: Server, host = "127.0.0.1"): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

/** HTTPS, HTTP/2, and HTTP at ::1. */
async function startOthers(started: AsyncDisposableStack): Promise<Pick<Places, "https" | "http2" | "http6" | "ca">> {
  const tls = makeCertificate();
  const https = createHttpsServer(tls, echo);
  const plain = createServer(echo);
  for (const server of [https, plain]) {
    server.keepAliveTimeout = 600_000;
    started.defer(() => {
      server.closeAllConnections();
      server.close();
    });
  }
  const http2 = createSecureServer(tls);
  const sessions = new Set<Http2Session>();
  http2.on("session", (session) => sessions.add(session.on("error", () => {})));
  http2.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    stream.respond({ ":status": 200 });
    stream.end(headers[":path"]);
  });
  started.defer(() => {
    for (const session of sessions) session.destroy();
    http2.close();
  });
  const [httpsPort, http2Port, http6] = [await listening(https), await listening(http2), await listening(plain, "::1")];
  return { https: httpsPort, http2: http2Port, http6, ca: tls.cert };
}

async function startGrpc(): Promise<{ port: number; close(): void }> {
  const server = new GrpcServer();
  const identity = <T>(value: T): T => value;
  const say = {
    path: "/Echo/say",
    requestStream: false,
    responseStream: false,
    requestSerialize: identity<Buffer>,
    requestDeserialize: identity<Buffer>,
    responseSerialize: identity<Buffer>,
    responseDeserialize: identity<Buffer>,
  } as const;
  server.addService({ say }, {
    say: (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => done(null, call.request),
  } as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}

/** Starts all of them, PostgreSQL, Redis and NATS too. */
export async function startEchoServers(): Promise<EchoServers> {
  await using started = new AsyncDisposableStack();
  const requests: string[] = [];
  const http = await startHttp(requests);
  started.defer(() => http.close());
  const others = await startOthers(started);
  const grpc = await startGrpc();
  started.defer(() => grpc.close());
  const [postgres, redis, nats] = await Promise.all([startPostgres(), startRedis(), startNats()]);
  for (const server of [postgres, redis, nats]) started.use(server);
  const running = started.move();
  return {
    requests,
    places: {
      ...others,
      http: http.port,
      grpc: grpc.port,
      postgres: postgres.url,
      postgresDirectory: postgres.directory,
      redis: redis.url,
      nats: nats.url,
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

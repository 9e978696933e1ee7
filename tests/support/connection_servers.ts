/** Servers as services start them, each at a port of its own; what they answer begins with "served". */
import { createServer, type RequestListener } from "node:http";
import { createSecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { serve as serveByNode } from "@hono/node-server";
import { Hono } from "hono";
import { WebSocketServer } from "ws";
import type { Certificate } from "./certificate.ts";

/** A handler of requests. */
export type Handler = (request: Request, ...beside: unknown[]) => Response | Promise<Response>;

/** What a server is made with. */
export interface Setting {
  readonly tls: Certificate;
  /** What each handler of requests is put into. */
  readonly guard: (handler: Handler) => Handler;
}

/** Starts a server, and returns the URLs where it can be asked: `h2:` is HTTP/2 with TLS. */
type Start = (setting: Setting) => string[] | Promise<string[]>;

/** `/slow…` is answered after so long. */
const SLOW_MS = 500;
/** How many of these questions have come. */
export const slow: { begun: number } = { begun: 0 };
const local = { port: 0, hostname: "127.0.0.1" } as const;

let served = 0;
async function answer(path: string): Promise<string> {
  if (path.startsWith("/slow")) {
    slow.begun++;
    await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  }
  return `served ${++served} ${path}`;
}
const handle = async (request: Request): Promise<Response> => new Response(await answer(new URL(request.url).pathname));
const handleNode: RequestListener = async (request, response) => void response.end(await answer(request.url as string));

function listen(scheme: string, server: Server, host = "127.0.0.1"): Promise<string[]> {
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve(urls(scheme, (server.address() as AddressInfo).port, host)));
  });
}

/** A server at `::` is asked by both families. */
function urls(scheme: string, port: number | undefined, host: string): string[] {
  const hosts = host === "::" ? ["127.0.0.1", "[::1]"] : [host.includes(":") ? `[${host}]` : host];
  return hosts.map((host) => `${scheme}://${host}:${port}/`);
}

function byBun(handler: Handler, options: { hostname?: string; tls?: Certificate } = {}): string[] {
  const server = Bun.serve({ ...local, ...options, fetch: (request, server) => handler(request, server) });
  return urls(options.tls ? "https" : "http", server.port, options.hostname ?? local.hostname);
}

function byDeno(handler: Handler, { tls, ...options }: { hostname?: string; tls?: Certificate } = {}): string[] {
  const server = Deno.serve({ ...local, ...options, ...tls, onListen: () => {} }, handler);
  return urls(tls ? "https" : "http", server.addr.port, options.hostname ?? local.hostname);
}

const hono = new Hono().get("*", async (c) => c.text(await answer(c.req.path)));

const servers: Readonly<Record<string, Start>> = {
  "Bun.serve": ({ guard }) => byBun(guard(handle)),
  "Bun.serve, tls": ({ guard, tls }) => byBun(guard(handle), { tls }),
  "Bun.serve, ::1": ({ guard }) => byBun(guard(handle), { hostname: "::1" }),
  "Bun.serve, ::": ({ guard }) => byBun(guard(handle), { hostname: "::" }),
  "Bun.serve, WebSocket": () => {
    const server = Bun.serve({
      ...local,
      fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no WebSocket")),
      websocket: { message: async (socket, path) => void socket.send(await answer(String(path))) },
    });
    return urls("ws", server.port, local.hostname);
  },
  "Bun.serve, Hono": ({ guard }) => byBun(guard((request) => hono.fetch(request))),
  "Deno.serve": ({ guard }) => byDeno(guard(handle)),
  "Deno.serve, tls": ({ guard, tls }) => byDeno(guard(handle), { tls }),
  "Deno.serve, ::1": ({ guard }) => byDeno(guard(handle), { hostname: "::1" }),
  "Deno.serve, ::": ({ guard }) => byDeno(guard(handle), { hostname: "::" }),
  "Deno.serve, WebSocket": () => {
    const [url = ""] = byDeno((request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = async ({ data }) => socket.send(await answer(data));
      return response;
    });
    return [url.replace("http", "ws")];
  },
  "Deno.serve, Hono": ({ guard }) => byDeno(guard((request) => hono.fetch(request))),
  "@hono/node-server": ({ guard }) =>
    new Promise((resolve) => {
      const fetch = guard((request) => hono.fetch(request));
      // Otherwise it replaces the Response of the runtime's own servers.
      serveByNode({ ...local, fetch, overrideGlobalObjects: false }, ({ port }) =>
        resolve(urls("http", port, local.hostname)),
      );
    }),
  "node:http": () => listen("http", createServer(handleNode)),
  "node:https": ({ tls }) => listen("https", createHttpsServer(tls, handleNode)),
  "node:http2": ({ tls }) => {
    const server = createSecureServer(tls);
    server.on("stream", async (stream: ServerHttp2Stream, headers) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      stream.end(await answer(String(headers[":path"])));
    });
    return listen("h2", server);
  },
  "node:net": () => listen("http", createPlainServer()),
  "node:net, ::": () => listen("http", createPlainServer(), "::"),
  ws: async () => {
    const server = createServer();
    new WebSocketServer({ server }).on("connection", (socket) => {
      socket.on("message", async (path) => socket.send(await answer(String(path)))).on("error", () => {});
    });
    return await listen("ws", server);
  },
};

function createPlainServer(): Server {
  return createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", async (data) => {
      const [, path = "/"] = /^GET (\S+)/.exec(String(data)) ?? [];
      socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${await answer(path)}`);
    });
  });
}

/** The names of the servers that a runtime has. */
export function serverNames(runtime: "bun" | "deno"): string[] {
  const other = runtime === "bun" ? "Deno." : "Bun.";
  return Object.keys(servers).filter((name) => !name.startsWith(other));
}

/** Starts servers by their names, and returns where each can be asked. */
export async function startServers(names: readonly string[], setting: Setting): Promise<Record<string, string[]>> {
  const started = names.map(async (name) => [name, await (servers[name] as Start)(setting)] as const);
  return Object.fromEntries(await Promise.all(started));
}

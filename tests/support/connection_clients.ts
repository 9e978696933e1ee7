/** Clients of servers, each with one question whose answer is known: what a service without a line of ours would hold. */
import { readFileSync } from "node:fs";
import { Agent, type RequestOptions, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as requestSecure, Agent as SecureAgent } from "node:https";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { connect as connectNats } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import pg from "pg";
import postgres from "postgres";
import { createClient } from "redis";
import { request as undici } from "undici";
import { WebSocket as Ws } from "ws";
import { askSession } from "./asking.ts";

/** Where the servers are. */
export interface Places {
  readonly http: number;
  readonly https: number;
  readonly http2: number;
  /** At ::1. */
  readonly http6: number;
  /** Of the two that use TLS, in PEM. */
  readonly ca: string;
  readonly grpc: number;
  readonly postgres: string;
  readonly postgresDirectory: string;
  readonly redis: string;
  readonly nats: string;
}

/** Asks a server, and returns its answer to `word`. */
export type Ask = (word: string) => Promise<string>;

/** What is made anew after a checkpoint, where a client does not connect again by itself: docs/resources/connections.md. */
export interface Client {
  readonly ask: Ask;
  readonly renew?: () => Promise<void>;
}

type Open = (places: Places) => Promise<Client>;

const client = (ask: Ask): Client => ({ ask });

/** Opens again what is closed, as an app does. */
function reopening(open: () => WebSocket | Ws): Client {
  let answered: ((word: string) => void)[] = [];
  let socket = open();
  const listen = (): void => {
    socket.onmessage = ({ data }: { data: unknown }) => answered.shift()?.(String(data));
    socket.onclose = () => {
      answered = [];
      socket = open();
      listen();
    };
    socket.onerror = () => {};
  };
  listen();
  return client(async (word) => {
    while (socket.readyState !== 1) await new Promise((resolve) => setTimeout(resolve, 2));
    const answer = new Promise<string>((resolve) => answered.push(resolve));
    socket.send(word);
    return await answer;
  });
}

const clients: Readonly<Record<string, Open>> = {
  fetch: async ({ http }) =>
    client(async (word) => (await fetch(`http://127.0.0.1:${http}/${encodeURIComponent(word)}`)).text()),
  undici: async ({ http }) =>
    client(async (word) => (await undici(`http://127.0.0.1:${http}/${encodeURIComponent(word)}`)).body.text()),
  "fetch, ::1": async ({ http6 }) =>
    client(async (word) => (await fetch(`http://[::1]:${http6}/${encodeURIComponent(word)}`)).text()),
  "fetch, https": async ({ https, ca }) => {
    const trust = "Deno" in globalThis ? { client: Deno.createHttpClient({ caCerts: [ca] }) } : { tls: { ca } };
    return client(async (word) =>
      (await fetch(`https://127.0.0.1:${https}/${encodeURIComponent(word)}`, trust as RequestInit)).text(),
    );
  },
  "http.Agent": async ({ http: port }) => agentClient(request, { port, agent: new Agent({ keepAlive: true }) }),
  "https.Agent": async ({ https: port, ca }) =>
    agentClient(requestSecure, { port, agent: new SecureAgent({ keepAlive: true, ca }) }),
  http2: async ({ http2, ca }) => {
    const open = (): ReturnType<typeof connectHttp2> => {
      const session = connectHttp2(`https://127.0.0.1:${http2}`, { ca });
      return session.on("error", () => {});
    };
    let session = open();
    return client(async (word) => {
      // As whoever uses it has to.
      if (session.closed || session.destroyed) session = open();
      return decodeURIComponent((await askSession(session, `/${encodeURIComponent(word)}`)).slice(1));
    });
  },
  "pg.Pool": async ({ postgres }) => pgPool({ connectionString: postgres }),
  "pg.Pool, unix": async ({ postgres, postgresDirectory: host }) =>
    pgPool({ host, port: Number(new URL(postgres).port), user: "postgres", database: "postgres" }),
  postgres: async (places) => {
    const sql = postgres(places.postgres, { max: 2 });
    return client(async (word) => (await sql`select ${word}::text as word`)[0]?.word);
  },
  ioredis: async ({ redis }) => {
    const one = new Redis(redis);
    one.on("error", () => {});
    return client((word) => one.echo(word));
  },
  redis: async ({ redis }) => {
    const one = createClient({ url: redis });
    one.on("error", () => {});
    await one.connect();
    return client(async (word) => String(await one.echo(word)));
  },
  ws: async ({ http }) => reopening(() => new Ws(`ws://127.0.0.1:${http}`)),
  WebSocket: async ({ http }) => reopening(() => new WebSocket(`ws://127.0.0.1:${http}`)),
  grpc: async ({ grpc }) => {
    const codec = { serialize: (text: string) => Buffer.from(text), deserialize: (bytes: Buffer) => bytes.toString() };
    const method = { path: "/Echo/say", requestStream: false, responseStream: false };
    const Echo = makeGenericClientConstructor(
      {
        say: {
          ...method,
          requestSerialize: codec.serialize,
          requestDeserialize: codec.deserialize,
          responseSerialize: codec.serialize,
          responseDeserialize: codec.deserialize,
        },
      },
      "Echo",
    );
    const echo = new Echo(`127.0.0.1:${grpc}`, credentials.createInsecure()) as unknown as {
      say(word: string, done: (error: Error | null, answer: string) => void): void;
    };
    return client(
      (word) =>
        new Promise((resolve, reject) => echo.say(word, (error, answer) => (error ? reject(error) : resolve(answer)))),
    );
  },
  "Bun.sql": async ({ postgres }) => {
    const sql = new Bun.SQL(postgres, { max: 2 });
    return client(async (word) => (await sql`select ${word}::text as word`)[0].word);
  },
  "Bun.redis": async ({ redis }) => {
    const one = new Bun.RedisClient(redis);
    return client(async (word) => String(await one.send("ECHO", [word])));
  },
  // These do not come back by themselves.
  "pg.Client": async ({ postgres }) => {
    const open = async (): Promise<pg.Client> => {
      const one = new pg.Client(postgres);
      one.on("error", () => {});
      await one.connect();
      return one;
    };
    let one = await open();
    return {
      ask: async (word) => (await one.query("select $1::text as word", [word])).rows[0].word,
      renew: async () => {
        one = await open();
      },
    };
  },
  "reserve()": async (places) => {
    const sql = postgres(places.postgres, { max: 2 });
    let reserved = await sql.reserve();
    return {
      ask: async (word) => (await reserved`select ${word}::text as word`)[0]?.word,
      renew: async () => {
        reserved = await sql.reserve();
      },
    };
  },
  nats: async ({ nats }) => {
    const open = async () => {
      const one = await connectNats({ servers: nats });
      one.subscribe("echo", { callback: (_, message) => void message.respond(message.data) });
      return one;
    };
    let one = await open();
    return {
      ask: async (word) => (await one.request("echo", word)).string(),
      renew: async () => {
        await one.close().catch(() => {});
        one = await open();
      },
    };
  },
};

function agentClient(ask: typeof request, options: RequestOptions): Client {
  return client(
    (word) =>
      new Promise((resolve, reject) => {
        const asked = ask({ host: "127.0.0.1", path: `/${encodeURIComponent(word)}`, ...options }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part) => {
            text += part;
          });
          response.on("end", () => resolve(text)).on("error", reject);
        });
        asked.on("error", reject).end();
      }),
  );
}

function pgPool(config: pg.PoolConfig): Client {
  const pool = new pg.Pool({ ...config, max: 2 });
  pool.on("error", () => {});
  return client(async (word) => (await pool.query("select $1::text as word", [word])).rows[0].word);
}

/** The names of the clients that a runtime has. */
export function clientNames(runtime: "bun" | "deno"): string[] {
  return Object.keys(clients).filter((name) => runtime === "bun" || !name.startsWith("Bun."));
}

/** Opens clients by their names, and asks each once. */
export async function openClients(names: readonly string[], places: Places): Promise<Map<string, Client>> {
  const open = new Map<string, Client>();
  for (const name of names) {
    const made = await (clients[name] as Open)(places);
    const answer = await made.ask("first");
    if (answer !== "first") throw new Error(`${name} answered ${answer}`);
    open.set(name, made);
  }
  return open;
}

/** Where the servers are, from a file of JSON. */
export function readPlaces(path: string): Places {
  return JSON.parse(readFileSync(path, "utf8"));
}

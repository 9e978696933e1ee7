/** What the service gets its answers from: PostgreSQL, Redis, another service, a feed of messages, a worker. */
import { Redis } from "ioredis";
import pg from "pg";

const pools = new Map<string, pg.Pool>();

/** The pool of the database that the environment names. */
function pool(): pg.Pool {
  const url = process.env.DATABASE_URL ?? "";
  let found = pools.get(url);
  if (!found) {
    found = new pg.Pool({ connectionString: url, max: 4 });
    found.on("error", () => {});
    pools.set(url, found);
  }
  return found;
}

/** A user of the database, and which database that is. */
export async function database(id: number): Promise<object> {
  const { rows } = await pool().query("SELECT id, name, current_database() AS database FROM users WHERE id = $1", [id]);
  return rows[0];
}

const redis = new Redis(process.env.REDIS_URL ?? "");
redis.on("error", () => {});

/** What is kept under a key, which is made when it is not there. */
export async function cached(key: string): Promise<string> {
  await redis.setnx(key, `value of ${key}`);
  return (await redis.get(key)) ?? "";
}

/** What the other service answers. */
export async function upstream(n: string): Promise<string> {
  const response = await fetch(`${process.env.UPSTREAM_URL}/${n}`);
  return await response.text();
}

/** How many messages have come. */
export const feed: { count: number } = { count: 0 };

function follow(): void {
  const socket = new WebSocket(process.env.FEED_URL ?? "");
  socket.onmessage = () => void feed.count++;
  socket.onclose = () => void setTimeout(follow, 100);
}
follow();

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const waiting = new Map<number, (result: number) => void>();
let asked = 0;
worker.onmessage = ({ data: [id, result] }: MessageEvent<[number, number]>) => {
  waiting.get(id)?.(result);
  waiting.delete(id);
};

/** The square of a number, by the worker. */
export function square(n: number): Promise<number> {
  const id = asked++;
  worker.postMessage([id, n]);
  return new Promise((resolve) => waiting.set(id, resolve));
}

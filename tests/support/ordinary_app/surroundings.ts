import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { WebSocketServer } from "ws";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";

/** All that the service is connected to. */
export interface Surroundings extends AsyncDisposable {
  /** The environment of the service, for one of the two databases. */
  env(databaseName: "first" | "second"): Record<string, string>;
}

/** Starts a PostgreSQL with two databases, a Redis, a service that adds 1, and a feed of messages. */
export async function startSurroundings(): Promise<Surroundings> {
  await using stack = new AsyncDisposableStack();
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  stack.use(postgres);
  stack.use(redis);
  const urlOf = (name: string): string => postgres.url.replace(/[^/]*$/, name);
  await query(postgres.url, "CREATE DATABASE first");
  await query(
    urlOf("first"),
    "CREATE TABLE users AS SELECT id::int, 'user ' || id AS name FROM generate_series(1, 100) AS id",
  );
  await query(postgres.url, "CREATE DATABASE second TEMPLATE first");
  const adder = createServer((request, response) => response.end(String(Number(request.url?.slice(1)) + 1)));
  const port = await new Promise<number>((resolve) => {
    adder.listen(0, "127.0.0.1", () => resolve((adder.address() as AddressInfo).port));
  });
  const feed = new WebSocketServer({ server: adder });
  const timer = setInterval(() => {
    for (const client of feed.clients) client.send("news");
  }, 50);
  stack.defer(() => {
    clearInterval(timer);
    for (const client of feed.clients) client.terminate();
    adder.closeAllConnections();
    adder.close();
  });
  const kept = stack.move();
  return {
    env: (databaseName) => ({
      DATABASE_URL: urlOf(databaseName),
      REDIS_URL: redis.url,
      UPSTREAM_URL: `http://127.0.0.1:${port}`,
      FEED_URL: `ws://127.0.0.1:${port}`,
    }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

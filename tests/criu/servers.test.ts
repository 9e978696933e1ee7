/** The servers that other tests connect to. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import pg from "pg";
import { processTree } from "../../ffi/process_tree.ts";
import { startNats } from "../support/servers/nats.ts";
import { startPostgres } from "../support/servers/postgres.ts";
import { startRedis } from "../support/servers/redis.ts";
import { noServers, type Server } from "../support/servers/server.ts";

const skip = noServers;

async function query(config: pg.ClientConfig): Promise<unknown> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    return (await client.query("SELECT 6 * 7 AS answer")).rows;
  } finally {
    await client.end();
  }
}

async function ping(address: string): Promise<string> {
  const client = new Redis(address);
  try {
    return await client.ping();
  } finally {
    client.disconnect();
  }
}

const kinds = {
  async PostgreSQL(): Promise<Server> {
    const server = await startPostgres();
    assert.deepEqual(await query({ connectionString: server.url }), [{ answer: 42 }]);
    const { directory: host, port } = server;
    assert.deepEqual(await query({ host, port, user: "postgres" }), [{ answer: 42 }]);
    return server;
  },
  async Redis(): Promise<Server> {
    const server = await startRedis();
    assert.equal(await ping(server.url), "PONG");
    assert.equal(await ping(`${server.directory}/redis.sock`), "PONG");
    return server;
  },
  async NATS(): Promise<Server> {
    const server = await startNats();
    const client = await connect({ servers: server.url });
    await client.flush();
    await client.close();
    return server;
  },
};

for (const [name, start] of Object.entries(kinds)) {
  test(`${name} answers as soon as it has been started, and nothing stays of it`, { skip }, async () => {
    const server = await start();
    const pids = processTree(server.pid);
    assert.ok(pids.length > 0);
    await server[Symbol.asyncDispose]();
    assert.deepEqual(
      [server.directory, ...pids.map((pid) => `/proc/${pid}`)].filter((path) => existsSync(path)),
      [],
    );
  });
}

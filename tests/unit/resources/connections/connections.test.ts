/** The hooks of connections(), with real sockets and without CRIU. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { connections, OpenConnectionsError } from "criu-aware/resources/connections";
import { socket as socketStrategy } from "criu-aware/strategies/socket";
import { openLibc } from "../../../../ffi/libc.ts";
import { findSockets } from "../../../../resources/connections/find.ts";
import { attachAt } from "../../../support/attached.ts";
import { closes, isAnswered, openPair, round } from "../../../support/socket_pair.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";
import { turns, waitFor } from "../../../support/time.ts";

test("both ends of a connection are closed after a round, and the server goes on", async () => {
  using pair = await openPair();
  const [client, accepted] = [closes(pair.client), closes(pair.accepted)];
  const resource = connections();
  assert.deepEqual((await resource.list()).map(({ type, action }) => [type, action]).sort(), [
    ["connection", "shutdown"],
    ["connection", "shutdown"],
    ["listener", "shutdown"],
  ]);
  await round(resource);
  await waitFor("both ends to close", () => client() === 1 && accepted() === 1);
  assert.equal(await isAnswered(pair.port), true);
});

test("while the app is held there is no connection, and no server", async () => {
  const libc = await openLibc();
  using pair = await openPair();
  let held: unknown;
  await round(connections(), [], () => {
    held = findSockets(libc);
  });
  assert.deepEqual(held, []);
  await waitFor("the client to close", () => pair.client.destroyed);
});

test("TCP is left alone where CRIU takes care of it", async () => {
  using pair = await openPair();
  const closed = closes(pair.client);
  for (const option of ["tcpClose", "tcpEstablished"]) await round(connections(), [option]);
  await turns();
  assert.equal(closed(), 0);
  pair.client.write("still there");
  assert.equal(String((await once(pair.accepted, "data"))[0]), "still there");
});

test("on a busy machine, too, a request afterwards finds none of many dead connections in its pool", {
  skip: process.versions.bun ? "Bun fetches in a thread of its own" : false,
}, async () => {
  const server = createHttpServer((_, response) => response.end("hello"));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const askMany = (): Promise<string[]> =>
    Promise.all(Array.from({ length: 400 }, async () => (await fetch(url)).text().catch(String)));
  await askMany();
  await round(connections(), [], () => {
    // The first turn of the event loop takes long.
    setTimeout(() => {
      for (const end = performance.now() + 500; performance.now() < end; );
    });
  });
  assert.deepEqual(new Set(await askMany()), new Set(["hello"]));
  server.closeAllConnections();
  server.close();
});

test("a rule that ignores leaves a socket open, a server too", async () => {
  using pair = await openPair();
  const closed = closes(pair.client);
  await round(
    connections({
      rules: [
        { action: "ignore", localPort: pair.port },
        { action: "ignore", remotePort: pair.port },
      ],
    }),
  );
  await turns();
  assert.equal(closed(), 0);
});

test("a rule that refuses names the socket, and who has opened it when asked; nothing is closed", async () => {
  const resource = connections({ rules: [{ action: "refuse", type: "connection" }], collectStacks: true });
  using pair = await openPair();
  const closed = closes(pair.client);
  await assert.rejects(round(resource), (error: Error) => {
    assert.ok(error instanceof OpenConnectionsError);
    assert.match(
      error.message,
      /a rule refuses: TCP connection 127\.0\.0\.1:\d+ → 127\.0\.0\.1:\d+ \(descriptor \d+\)/,
    );
    assert.match(error.message, /opened .*openPair/);
    assert.match(error.message, /→ close it before the checkpoint, or change the rule/);
    assert.equal(error.connections.length, 2);
    return true;
  });
  await turns();
  assert.equal(closed(), 0);
  assert.equal(await isAnswered(pair.port), true);
});

test("who connects by the runtime's own function, or by HTTP/2, is known as well when asked", async () => {
  const resource = connections({ collectStacks: true });
  using pair = await openPair();
  const { Bun, Deno } = globalThis as unknown as Record<string, { connect(options: object): Promise<unknown> }>;
  async function openByRuntime(): Promise<Disposable> {
    const options = { hostname: "127.0.0.1", port: pair.port };
    if (Deno) return (await Deno.connect(options)) as Disposable;
    const socket = (await Bun?.connect({ ...options, socket: { data() {} } })) as { end(): void };
    return { [Symbol.dispose]: () => socket.end() };
  }
  using _ = await openByRuntime();
  assert.ok((await resource.list()).some(({ openedAt }) => openedAt?.includes("openByRuntime")));
  function openSession(): ReturnType<typeof connectHttp2> {
    return connectHttp2(`http://127.0.0.1:${pair.port}`).on("error", () => {});
  }
  const session = openSession();
  const isFound = async (): Promise<boolean> =>
    (await resource.list()).some(({ openedAt }) => openedAt?.includes("openSession"));
  for (const end = performance.now() + 5000; !(await isFound()); await turns())
    assert.ok(performance.now() < end, "the session was not found");
  session.destroy();
});

test("a server that is closed meanwhile stays closed", async () => {
  using pair = await openPair();
  await round(connections(), [], () => void pair.server.close());
  await waitFor("the server to close", () => !pair.server.listening);
  assert.equal(await isAnswered(pair.port), false);
});

test("a server listens at the address that listenAt chooses, and is told what it was", async () => {
  using pair = await openPair();
  using other = await openPair();
  const free = other.port;
  other[Symbol.dispose]();
  await waitFor("the other server to close", () => !other.server.listening);
  const told: unknown[] = [];
  await round(
    connections({
      listen: "rebind",
      listenAt: ({ type, local }, { outcome }) => {
        told.push([type, local.port, outcome]);
        return local.port === pair.port ? { port: free, address: "127.0.0.1" } : undefined;
      },
    }),
  );
  assert.deepEqual(told, [["listener", pair.port, "aborted"]]);
  assert.equal(await isAnswered(free), true);
  assert.equal(await isAnswered(pair.port), false);
});

test("a server whose address is taken waits until that is free, and says so when it is not in time", async () => {
  using pair = await openPair();
  using other = await openPair();
  const taken = { port: other.port, address: "127.0.0.1" };
  const resource = connections({
    rules: [{ localPort: other.port, action: "ignore" }],
    listen: "rebind",
    listenAt: () => taken,
  });
  const error = await round(resource).catch((error) => error);
  assert.match(String(error), new RegExp(`server at 127.0.0.1:${pair.port} .* does not listen again: .*EADDRINUSE`));
  assert.equal(await isAnswered(pair.port), false);

  using third = await openPair();
  setTimeout(() => other[Symbol.dispose](), 100);
  const again = connections({
    rules: [pair, other].map(({ port }) => ({ localPort: port, action: "ignore" })),
    listen: "rebind",
    listenAt: () => taken,
  });
  await round(again);
  assert.deepEqual([await isAnswered(taken.port), await isAnswered(third.port)], [true, false]);
});

test("what listenAt gives wrong is told, and the other servers listen again", async () => {
  using pair = await openPair();
  for (const answer of [{ port: 70_000 }, { address: "example.org" }, Promise.resolve({ port: 1 }), 80]) {
    using other = await openPair();
    const listenAt = (({ local }: { local: { port?: number } }) =>
      local.port === other.port ? answer : undefined) as never;
    await assert.rejects(round(connections({ listen: "rebind", listenAt })), {
      name: "ListenAgainError",
      message: new RegExp(`server at 127.0.0.1:${other.port} .* → let listenAt choose an address that is free`),
    });
    assert.equal(await isAnswered(pair.port), true);
    assert.equal(await isAnswered(other.port), false);
  }
});

test("connections of the agent's own, and those between its own sockets, are not touched", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  await using attached = await attachAt((path) => socketStrategy({ path }));
  using pair = await openPair({ path: `${directory.path}/own` });
  const closed = closes(pair.client);
  const client = connect(attached.path).on("error", () => {});
  await once(client, "connect");
  const ended = closes(client);
  // Until the agent has accepted it, nobody knows that it leads here.
  await waitFor("the agent to accept", () => findSockets(libc).length === 1);
  const resource = connections();
  assert.deepEqual(
    (await resource.list()).map(({ type, local, action }) => [type, local.path, action]),
    [["listener", `${directory.path}/own`, "ignore"]],
  );
  await round(resource);
  await turns();
  assert.deepEqual([closed(), ended()], [0, 0]);
  client.destroy();
});

const connectingWorker = join(import.meta.dirname as string, "../../../support/connecting_worker.ts");

/** Starts a worker with a connection to `port`; `again`: it connects again whenever that is closed. */
async function startWorker(port: number, again: boolean): Promise<Worker> {
  const worker = new Worker(connectingWorker, { workerData: { port, again } });
  assert.deepEqual(await once(worker, "message"), ["connected"]);
  return worker;
}

test("the connection of an idle worker is closed by the worker while the app waits to be held", async () => {
  const libc = await openLibc();
  using pair = await openPair();
  pair.server.on("connection", (socket) => void socket.on("error", () => {}).resume());
  const worker = await startWorker(pair.port, false);
  const closed = once(worker, "message");
  let held: unknown;
  await round(connections(), [], () => {
    held = findSockets(libc);
  });
  assert.deepEqual(held, []);
  assert.deepEqual(await closed, ["closed"]);
  await worker.terminate();
});

test("a worker that always connects again refuses, and this thread keeps its connections", async () => {
  using pair = await openPair();
  pair.server.on("connection", (socket) => void socket.on("error", () => {}).resume());
  const closed = closes(pair.client);
  const worker = await startWorker(pair.port, true);
  await assert.rejects(round(connections({ rules: [{ action: "ignore", localPort: pair.port }] })), {
    name: "OpenConnectionsError",
    message: /not closed by who has opened it: TCP connection .* → close it in a beforeCheckpoint of your own/,
  });
  assert.equal(closed(), 0);
  await worker.terminate();
});

test("a server of a worker goes on listening, and the list says so", async () => {
  const worker = new Worker(connectingWorker, { workerData: {} });
  const [port] = await once(worker, "message");
  const resource = connections();
  assert.deepEqual(
    (await resource.list()).map(({ local, action }) => [local.port, action]),
    [[port, "ignore"]],
  );
  await round(resource);
  assert.equal(await isAnswered(port), true);
  await worker.terminate();
});

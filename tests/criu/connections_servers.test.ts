/** connections() with servers: nobody can connect while the app is held, and it listens again afterwards, elsewhere too. On real CRIU. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { ask, askSocket, openSocket } from "../support/asking.ts";
import { makeCertificate } from "../support/certificate.ts";
import { serverNames } from "../support/connection_servers.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const tls = makeCertificate();

/** Why a client cannot connect; "" when it can. */
async function refusal(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const client = connect(Number(port), hostname.replace(/[[\]]/g, ""));
  const error = await Promise.race([once(client, "connect").then(() => ""), once(client, "error")]).catch(String);
  client.destroy();
  return error === "" ? "" : String(error);
}

async function occupy(port: number): Promise<Server> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

for (const runtime of runtimes) {
  const start = (more: object): Promise<App> => App.start(runtime, { tls, ...more }, "connections_app.ts");
  const urlsOf = async (app: App): Promise<Record<string, string[]>> =>
    (await app.event("attached")).urls as Record<string, string[]>;
  /** Each server gives the right answer, to a client that is new. */
  const served = async (urls: readonly string[]): Promise<void> => {
    const answers = await Promise.all(urls.map((url) => ask(url, tls.cert, "/now").catch(String)));
    const wrong = urls.flatMap((url, n) =>
      /^served \d+ \/now$/.test(answers[n] ?? "") ? [] : `${url}: ${answers[n]}`,
    );
    assert.deepEqual(wrong, []);
  };

  test(`${runtime}: nobody connects while the app is held; each kind of server serves when it goes on, when it was refused, and when it is restored`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await start({ servers: serverNames(runtime), options: { drainMs: 2000 }, gated: true });
    const byName = await urlsOf(app);
    const urls = Object.values(byName).flat();
    await served(urls);
    const refusals: string[] = [];
    const onHook = async (hook: string): Promise<void> => {
      if (hook === "pre-dump") refusals.push(...(await Promise.all(urls.map(refusal))));
    };
    const imagesDir = join(directory.path, "images");
    await rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "left"), leaveRunning: true, onHook });
    await served(urls);
    const refused = rpc().dump({
      pid: app.pid,
      imagesDir,
      onHook: () => {
        throw new Error("not now");
      },
    });
    await assert.rejects(refused, /not now/);
    assert.equal((await app.event("outcome", 2)).outcome, "aborted");
    await served(urls);

    // In use: a question to each that is not answered yet, and a WebSocket that stays open.
    const slow = urls.map((url) => ask(url, tls.cert, "/slow"));
    const sockets = urls.filter((url) => url.startsWith("ws:")).map(openSocket);
    for (const socket of sockets) assert.match(await askSocket(socket, "/now"), /^served/);
    const closed = sockets.map((socket) => once(socket, "close"));
    do await app.goesOn();
    while (app.named("tick").at(-1)?.slow !== urls.length);
    await rpc().dump({ pid: app.pid, imagesDir, onHook });
    for (const answer of await Promise.all(slow)) assert.match(answer, /^served \d+ \/slow$/);
    await Promise.all(closed);
    assert.equal(refusals.length, 2 * urls.length);
    for (const one of refusals) assert.match(one, /ECONNREFUSED/);
    await app.ended();
    const { processes } = await rpc().restore({ imagesDir });
    assert.deepEqual(
      processes.flatMap(({ errors }) => errors),
      [],
    );
    await served(urls);
    assert.doesNotMatch(app.output(), /request\.signal/);
  });

  test(`${runtime}: where the ports are taken, the servers listen at others; one whose other port is taken too waits for it, and then says so`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const names = [`${runtime === "bun" ? "Bun" : "Deno"}.serve`, "node:https", "node:http", "node:net"];
    const timeoutMs = 3000;
    await using app = await start({ servers: names, options: { listen: "rebind", timeoutMs }, portPlus: 1 });
    const urls = Object.values(await urlsOf(app)).flat();
    const moved = urls.map((url) => url.replace(/\d+(?=\/$)/, (port) => String(Number(port) + 1)));
    const ports = urls.map((url) => Number(new URL(url).port));
    const imagesDir = join(directory.path, "images");
    // The original goes on where it was.
    await rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "left"), leaveRunning: true });
    await served(urls);
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const taken = await Promise.all(ports.map(occupy));
    const [goes, stays] = [await occupy(Number(ports.at(-2)) + 1), await occupy(Number(ports.at(-1)) + 1)];
    try {
      const restoring = rpc().restore({ imagesDir });
      await app.event("opening", 2 * ports.length);
      await served(moved.slice(0, -2));
      goes.close();
      const { processes } = await restoring;
      await served(moved.slice(0, -1));
      const errors = processes.flatMap(({ errors }) => errors.map(({ message }) => message));
      assert.equal(errors.length, 1);
      assert.match(
        errors[0] as string,
        new RegExp(`server at 127\\.0\\.0\\.1:${ports.at(-1)} .* does not listen again: .*EADDRINUSE`),
      );
      await app.goesOn();
      assert.match(String(app.named("tick").at(-1)?.reason), /not rebuilt: connections: .*EADDRINUSE/);
    } finally {
      for (const server of [...taken, goes, stays]) server.close();
    }
  });
}

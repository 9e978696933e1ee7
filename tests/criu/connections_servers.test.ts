/** connections() with servers: nobody can connect while the app is held, and it listens again afterwards, elsewhere too. On real CRIU. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { type RuntimeName, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const servers: Readonly<Record<RuntimeName, readonly string[]>> = {
  bun: ["Bun.serve", "node:http", "node:net"],
  deno: ["Deno.serve", "node:http", "node:net"],
};

const ask = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();

/** Why a client cannot connect; "" when it can. */
async function refusal(port: number): Promise<string> {
  const client = connect(port, "127.0.0.1");
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
  const start = (more: object): Promise<App> =>
    App.start(runtime, { servers: servers[runtime], ...more }, "connections_app.ts");
  const portsOf = async (app: App): Promise<number[]> =>
    Object.values((await app.event("attached")).ports as Record<string, number>);

  test(`${runtime}: nobody connects while the app is held; it serves when it goes on, when it was refused, and when it is restored`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await start({});
    const ports = await portsOf(app);
    for (const port of ports) assert.match(await ask(port), /^served/);
    const refusals: string[] = [];
    const onHook = async (hook: string): Promise<void> => {
      if (hook === "pre-dump") for (const port of ports) refusals.push(await refusal(port));
    };
    const imagesDir = join(directory.path, "images");
    await rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "left"), leaveRunning: true, onHook });
    for (const port of ports) assert.match(await ask(port), /^served/);
    const refused = rpc().dump({
      pid: app.pid,
      imagesDir,
      onHook: () => {
        throw new Error("not now");
      },
    });
    await assert.rejects(refused, /not now/);
    assert.equal((await app.event("outcome", 2)).outcome, "aborted");
    for (const port of ports) assert.match(await ask(port), /^served/);

    await rpc().dump({ pid: app.pid, imagesDir, onHook });
    assert.equal(refusals.length, 2 * ports.length);
    for (const one of refusals) assert.match(one, /ECONNREFUSED/);
    await app.ended();
    const { processes } = await rpc().restore({ imagesDir });
    assert.deepEqual(
      processes.flatMap(({ errors }) => errors),
      [],
    );
    for (const port of ports) assert.match(await ask(port), /^served/);
  });

  test(`${runtime}: where the ports are taken, the servers listen at others, and say so where these are taken too`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await start({ options: { listen: "rebind" }, portPlus: 1 });
    const ports = await portsOf(app);
    const imagesDir = join(directory.path, "images");
    // The original goes on where it was.
    await rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "left"), leaveRunning: true });
    for (const port of ports) assert.match(await ask(port), /^served/);
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const taken: Server[] = [];
    for (const port of ports) taken.push(await occupy(port));
    const last = ports.at(-1) as number;
    taken.push(await occupy(last + 1));
    try {
      const { processes } = await rpc().restore({ imagesDir });
      for (const port of ports.slice(0, -1)) assert.match(await ask(port + 1), /^served/);
      const errors = processes.flatMap(({ errors }) => errors.map(({ message }) => message));
      assert.equal(errors.length, 1);
      assert.match(
        errors[0] as string,
        new RegExp(`server at 127\\.0\\.0\\.1:${last} .* does not listen again: .*EADDRINUSE`),
      );
      await app.goesOn();
    } finally {
      for (const server of taken) server.close();
    }
  });
}

/** connections() with the clients of an ordinary service, on real CRIU. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { clientNames } from "../support/connection_clients.ts";
import { noCriu } from "../support/criu.ts";
import { startEchoServers, startHttp } from "../support/echo_servers.ts";
import { type RuntimeName, runtimes } from "../support/runtimes.ts";
import { noServers } from "../support/servers/server.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const skip = noCriu || noServers;

const start = (runtime: RuntimeName, options: object): Promise<App> =>
  App.start(runtime, options, "connections_app.ts");

/** Restores an app, which must be rebuilt without an error. */
async function restore(app: App, imagesDir: string): Promise<void> {
  await app.ended();
  const { processes } = await rpc().restore({ imagesDir });
  assert.deepEqual(
    processes.flatMap(({ errors }) => errors),
    [],
  );
}

interface Tick {
  readonly load: { readonly right: number; readonly failed: number; readonly wrong: readonly string[] };
  readonly list: readonly { readonly fd: number; readonly local: { readonly port?: number } }[];
}

async function tick(app: App): Promise<Tick> {
  await app.goesOn();
  return app.named("tick").at(-1) as unknown as Tick;
}

for (const runtime of runtimes) {
  test(`${runtime}: each client answers right at once, when the app goes on and when it is restored, again and again`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using servers = await startEchoServers();
    const names = clientNames(runtime);
    await using app = await start(runtime, { clients: names, places: servers.places });
    const answered = async (outcome: string, round: number): Promise<void> => {
      const expected = Object.fromEntries(names.map((name) => [name, `${outcome} ${name}`]));
      assert.deepEqual(await app.event("outcome", round), { event: "outcome", outcome, answers: expected });
    };
    const connected = async (): Promise<string[]> =>
      (await tick(app)).list.filter(({ local }) => local.port).map(({ fd, local }) => `${fd} at ${local.port}`);

    const before = await connected();
    await rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "left"), leaveRunning: true });
    await answered("continued", 1);
    const kept = await connected();
    assert.deepEqual(
      before.filter((one) => !kept.includes(one)),
      [],
    );
    for (const round of [2, 3]) {
      const imagesDir = join(directory.path, `images${round}`);
      await rpc().dump({ pid: app.pid, imagesDir });
      await restore(app, imagesDir);
      await answered("restored", round);
    }
  });

  test(`${runtime}: under load no answer is wrong, and every client goes on`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using servers = await startEchoServers();
    const names = clientNames(runtime).filter((name) => !["pg.Client", "reserve()", "nats"].includes(name));
    await using app = await start(runtime, { clients: names, places: servers.places, busy: true });
    const imagesDir = join(directory.path, "images");
    await rpc().dump({ pid: app.pid, imagesDir });
    await restore(app, imagesDir);
    await app.event("outcome");
    const { right } = (await tick(app)).load;
    await sleep(200);
    const { load } = await tick(app);
    assert.deepEqual(load.wrong, []);
    assert.ok(load.right > right, JSON.stringify(load));
  });

  test(`${runtime}: a request in flight is waited for with drainMs`, { skip: noCriu }, async () => {
    using directory = temporaryDirectory();
    const requests: string[] = [];
    const http = await startHttp(requests);
    try {
      await using app = await start(runtime, { post: http.port, options: { drainMs: 5000 } });
      const imagesDir = join(directory.path, "images");
      process.kill(app.pid, "SIGUSR2");
      await app.event("posting");
      await rpc().dump({ pid: app.pid, imagesDir });
      assert.equal((await app.event("posted")).answer, "slow");
      await restore(app, imagesDir);
      assert.deepEqual(requests, ["GET /first", "POST /slow"]);
    } finally {
      http.close();
    }
  });
}

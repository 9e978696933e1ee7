/** A service of nobody's making, with all that services hold, on real CRIU. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DumpRefusedError, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { end } from "../support/child.ts";
import { noCriu } from "../support/criu.ts";
import { freePort } from "../support/free_port.ts";
import { seenAt, startLoad } from "../support/ordinary_app/load.ts";
import { type Surroundings, startSurroundings } from "../support/ordinary_app/surroundings.ts";
import { type RuntimeName, runtimes } from "../support/runtimes.ts";
import { noServers } from "../support/servers/server.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const skip = noCriu || noServers;
const LIVES = 3;

let surroundings: Surroundings;
before(async () => {
  if (!skip) surroundings = await startSurroundings();
});
after(() => surroundings?.[Symbol.asyncDispose]());

for (const runtime of runtimes) {
  test(`${runtime}: an ordinary service under load is dumped, and restored three times at another port with another database`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const imagesDir = `${images.path}/images`;
    const port = await freePort();
    await using app = await start(runtime, "yes", port);
    const load = startLoad(port, "first");
    await load.answered(200);
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const dumped = await load.stop();
    assert.deepEqual(dumped.wrong, []);
    const ids = [...dumped.ids];
    for (let life = 1; life <= LIVES; life++) {
      const port = await freePort();
      const { DATABASE_URL = "" } = surroundings.env("second");
      const launch = { env: { DATABASE_URL }, values: { port: String(port) } };
      const { processes } = await rpc().restore({ imagesDir, launch });
      assert.deepEqual(
        processes.map(({ outcome, errors }) => [outcome, errors]),
        [["restored", []]],
      );
      const load = startLoad(port, "second");
      const first = await seenAt(port);
      await load.answered(100);
      // The timer, and the messages that come.
      for (let now = first; now.ticks === first.ticks || now.fed === first.fed; now = await seenAt(port))
        await sleep(20);
      const { wrong, closed, ids: more } = await load.stop();
      assert.deepEqual({ wrong, closed }, { wrong: [], closed: {} });
      ids.push(...more);
      await end(app.pid);
    }
    assert.equal(new Set(ids).size, ids.length, "an id was handed out twice");
  });

  test(`${runtime}: without a resource an ordinary service is not dumped, and goes on`, { skip }, async () => {
    using images = temporaryDirectory();
    const port = await freePort();
    await using app = await start(runtime, "without resources", port);
    const load = startLoad(port, "first");
    await load.answered(200);
    await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: `${images.path}/images` }), DumpRefusedError);
    await load.answered(200);
    const { wrong } = await load.stop();
    assert.deepEqual(wrong, []);
  });
}

function start(runtime: RuntimeName, attach: string, port: number): Promise<App> {
  const env = { ...surroundings.env("first"), PORT: String(port), ATTACH: attach };
  return App.start(runtime, {}, "ordinary_app/app.ts", env);
}

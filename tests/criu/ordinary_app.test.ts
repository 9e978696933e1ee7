/** A service of nobody's making, with all that services hold, on real CRIU. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DumpRefusedError, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { freePort } from "../support/free_port.ts";
import { startLoad } from "../support/ordinary_app/load.ts";
import { startSurroundings } from "../support/ordinary_app/surroundings.ts";
import { runtimes } from "../support/runtimes.ts";
import { noServers } from "../support/servers/server.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu || noServers;

for (const runtime of runtimes) {
  test(`${runtime}: an ordinary service cannot be dumped under load as it is`, { skip }, async () => {
    using images = temporaryDirectory();
    await using surroundings = await startSurroundings();
    const port = await freePort();
    const env = { ...surroundings.env("first"), PORT: String(port), ATTACH: "without resources" };
    await using app = await App.start(runtime, {}, "ordinary_app/app.ts", env);
    const load = startLoad(port, "first");
    await load.answered(200);
    await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: `${images.path}/images` }), DumpRefusedError);
    await load.answered(200);
    const { wrong } = await load.stop();
    assert.deepEqual(wrong, []);
  });
}

/** The path of a socket strategy between a dump and its restore: what was left there, and what somebody put there. */
import assert from "node:assert/strict";
import { lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { openLibc } from "../../ffi/libc.ts";
import { listenerAt } from "../../ffi/stale_socket.ts";
import { App } from "../support/app.ts";
import { startScript } from "../support/child.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

/** Dumps an app, and gives it to `use` with the path of its socket and its images. */
async function dumped(
  runtime: (typeof runtimes)[number],
  use: (app: App, path: string, imagesDir: string) => Promise<void>,
): Promise<void> {
  using images = temporaryDirectory();
  await using app = await App.start(runtime, { strategies: ["socket"] });
  const path = join(app.directory, "socket");
  await rpc().dump({ pid: app.pid, imagesDir: images.path });
  await app.ended();
  // CRIU ends the app, and nobody takes its socket away.
  assert.ok(lstatSync(path).isSocket());
  await use(app, path, images.path);
}

for (const runtime of runtimes) {
  test(`${runtime}: an app is restored over the socket that it left, and without it`, { skip }, async () => {
    const libc = await openLibc();
    for (const isLeft of [true, false]) {
      await dumped(runtime, async (app, path, imagesDir) => {
        if (!isLeft) rmSync(path);
        await rpc().restore({ imagesDir });
        assert.equal(listenerAt(libc, path), app.pid);
        await app.goesOn();
      });
    }
  });

  test(`${runtime}: another app can start at the socket that a dumped one left`, { skip }, async () => {
    const libc = await openLibc();
    await dumped(runtime, async (app, path, imagesDir) => {
      const go = join(app.directory, "go");
      writeFileSync(go, "");
      await using other = startScript("listening.ts", path, go);
      await other.nextLine();
      assert.equal(await other.nextLine(), "listening");
      assert.equal(listenerAt(libc, path), other.pid);
      // CRIU takes the path of whoever listens there by then.
      await rpc().restore({ imagesDir });
      assert.equal(listenerAt(libc, path), app.pid);
    });
  });

  test(`${runtime}: CRIU restores no app over a file that somebody put in the place of its socket`, {
    skip,
  }, async () => {
    await dumped(runtime, async (_app, path, imagesDir) => {
      rmSync(path);
      writeFileSync(path, "precious");
      await assert.rejects(rpc().restore({ imagesDir }), /Can't bind .*Address already in use/);
      assert.equal(readFileSync(path, "utf8"), "precious");
    });
  });
}

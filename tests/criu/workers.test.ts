/** Workers that have joined, and one that has not, through real dumps and a restore. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const UNJOINED = /a worker that has not joined, and runs on while the app is held: thread \d+/;

for (const runtime of runtimes) {
  test(`${runtime}: joined workers stand still from ready to the outcome and are told it; one that has not joined is named, and refuses`, {
    skip: noCriu,
  }, async () => {
    using directory = temporaryDirectory();
    const imagesDir = join(directory.path, "images");
    await using app = await App.start(runtime, {}, "workers_app.ts");
    const { own } = await app.event("attached");
    assert.equal((own as string[]).length, 1, `${own}`);
    assert.match((own as string[])[0] as string, UNJOINED);

    const { code, out } = await runCli("bun", ["inspect", String(app.pid)]);
    assert.equal(code, 0);
    assert.match(out.replaceAll(/\s+/g, " "), new RegExp(`warning process ${app.pid}: ${UNJOINED.source}`));

    await assert.rejects(
      rpc().dump({ pid: app.pid, imagesDir }),
      /workers: a worker has not joined, and would run on while the app is held: thread \d+/,
    );
    await app.event("went on");
    process.kill(app.pid, "SIGUSR2");
    await app.event("ended");

    await rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "twin"), leaveRunning: true });
    await app.event("went on", 2);
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const { processes } = await rpc().restore({ imagesDir });
    assert.deepEqual(processes[0]?.errors, []);

    const told = ["aborted", "continued", "restored"].map((outcome, n) => [outcome, n === 2 ? 1 : 0]);
    assert.deepEqual((await app.event("went on", 3)).told, [told, told]);
    assert.deepEqual(
      app.named("released").map(({ outcome, beats }) => [outcome, beats]),
      ["aborted", "continued", "restored"].map((outcome) => [outcome, [0, 0]]),
    );
    await app.goesOn();
  });
}

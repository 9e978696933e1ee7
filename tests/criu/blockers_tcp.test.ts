/** TCP connections at the moment of a dump. On real CRIU. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { findBlockers } from "criu-aware/blockers";
import { command, DumpRefusedError, rpc } from "criu-aware/driver";
import { explain } from "../../driver/failures/explain.ts";
import { App } from "../support/app.ts";
import { bareDump, bareRestore, blocking, roundTrip } from "../support/blocked_dump.ts";
import { others } from "../support/blocked_others.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

test("connections that wait to be accepted are named, and with tcpSkipInFlight the app is dumped", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", { holds: ["busyListener"] }, "blocked_app.ts");
  const { port } = await app.event("listening");
  assert.deepEqual(await findBlockers([app.pid]), []);
  const client = connect(Number(port), "127.0.0.1");
  await once(client, "connect");
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "tcp-pending");
  assert.deepEqual(more, []);
  const failed = await bareDump(directory.path, "bare", app.pid, {});
  assert.deepEqual(explain(failed.errors, "dump")?.options, ["tcpSkipInFlight"]);
  assert.deepEqual(blocking(await findBlockers([app.pid], { criuOptions: { tcpSkipInFlight: true } })), []);
  const dumped = await bareDump(directory.path, "cured", app.pid, { tcpSkipInFlight: true });
  client.destroy();
  assert.deepEqual(dumped, { ok: true, errors: [] });
});

test("a connection that is over, but not closed, is named: it could be dumped, and not restored", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", { holds: ["overTcp"] }, "blocked_app.ts");
  const [found, ...more] = await findBlockers([app.pid]);
  assert.equal(found?.kind, "tcp");
  assert.match(found?.what ?? "", /is over, but not closed/);
  assert.deepEqual(more, []);
  const dumped = await bareDump(directory.path, "images", app.pid, { networkLock: "skip" });
  assert.deepEqual(dumped, { ok: true, errors: [] });
  await app.ended();
  const { ok, errors } = await bareRestore(directory.path, "images", {});
  assert.equal(ok, false);
  assert.match(errors.join("\n"), /Connected TCP socket in image/);
});

test("a connection that is over, but not closed, is dumped and restored with tcpClose", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun", { holds: ["overTcp"] }, "blocked_app.ts");
  assert.deepEqual(blocking(await findBlockers([app.pid], { criuOptions: { tcpClose: true } })), []);
  await roundTrip(directory.path, app, { tcpClose: true });
});

for (const runtime of runtimes) {
  test(`${runtime}: a connection that a hook itself has opened refuses the dump, by its name`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using server = await others.http(directory.path);
    await using app = await App.start(runtime, { attached: true, hook: "fetches", at: server.at }, "blocked_app.ts");
    const dumped = rpc().dump({ pid: app.pid, imagesDir: join(directory.path, "images") });
    await assert.rejects(dumped, (error: Error) => {
      assert.ok(error instanceof DumpRefusedError, String(error));
      assert.match(error.message, new RegExp(`a TCP connection 127\\.0\\.0\\.1:\\d+ → 127\\.0\\.0\\.1:${server.at}`));
      return true;
    });
    assert.equal((await app.event("outcome")).outcome, "aborted");
  });

  test(`${runtime}: unblocked() waits for what is closed a moment after its hook is done`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using server = await others.tcp(directory.path);
    await using app = await App.start(
      runtime,
      { attached: true, hook: "closesLater", holds: ["tcp"], at: server.at },
      "blocked_app.ts",
    );
    await rpc().dump({
      pid: app.pid,
      imagesDir: join(directory.path, "images"),
      leaveRunning: true,
      criuOptions: { tcpClose: false },
    });
    assert.equal((await app.event("outcome")).outcome, "continued");
  });
}

for (const [name, engine] of Object.entries({ rpc, command })) {
  test(`${name}: a client that connects while the app is held does not make the dump fail`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun", { attached: true, holds: ["busyListener"] }, "blocked_app.ts");
    const { port } = await app.event("listening");
    let late: ReturnType<typeof connect> | undefined;
    const imagesDir = join(directory.path, "images");
    await engine().dump({
      pid: app.pid,
      imagesDir,
      async onHook(hook) {
        if (hook !== "pre-dump") return;
        late = connect(Number(port), "127.0.0.1").on("error", () => {});
        await once(late, "connect");
      },
    });
    late?.destroy();
    await app.ended();
    const { pid } = await engine().restore({ imagesDir });
    assert.equal(pid, app.pid);
    assert.equal((await app.event("outcome")).outcome, "restored");
    assert.deepEqual(blocking(await findBlockers([pid])), []);
  });
}

/** An AbortSignal cancels a dump or a restore, cleanly, by both engines. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const reason = new Error("the user has changed his mind");

for (const [kind, engine] of [
  ["rpc", rpc],
  ["command", command],
] as const) {
  // A frozen app that is let go knows that it continues, most often before anybody can tell it that the images are removed.
  for (const [moment, outcome] of [
    ["ready", /^aborted$/],
    ["frozen", /^(continued|aborted)$/],
  ] as const) {
    test(`${kind}: cancelled when "${moment}", the dump is refused and the app goes on`, {
      skip,
    }, async () => {
      using images = temporaryDirectory();
      await using app = await App.start("bun");
      const { abort, signal } = controller();
      const onPhase = ({ name }: { name: string }): void => {
        if (name === moment) abort();
      };
      const dump = engine().dump({ pid: app.pid, imagesDir: images.path, signal, onPhase });
      await assert.rejects(dump, reason);
      assert.match(String((await app.event("released")).outcome), outcome);
      assert.deepEqual(readdirSync(images.path), []);
      // What a killed CRIU would leave in the app's memory.
      assert.ok(!readFileSync(`/proc/${app.pid}/maps`, "utf8").includes("CRIUMFD"));
      await app.goesOn();
    });
  }

  test(`${kind}: cancelled while an app prepares, its preparation is refused`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun", { resources: [{ name: "slow", does: "waits" }] });
    const { abort, signal } = controller();
    const dump = engine().dump({ pid: app.pid, imagesDir: images.path, signal });
    dump.catch(() => {});
    await app.event("before");
    abort();
    await assert.rejects(dump, reason);
    assert.equal((await app.event("released")).outcome, "aborted");
    await app.goesOn();
  });

  test(`${kind}: a dump with a signal that is aborted already does nothing`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun");
    const imagesDir = join(images.path, "images");
    const dump = engine().dump({ pid: app.pid, imagesDir, signal: AbortSignal.abort(reason) });
    await assert.rejects(dump, reason);
    assert.ok(!existsSync(imagesDir));
    await app.goesOn();
  });

  for (const hook of ["pre-restore", "post-restore"]) {
    test(`${kind}: a restore cancelled at ${hook} leaves no process, and works the next time`, { skip }, async () => {
      using images = temporaryDirectory();
      await using app = await App.start("bun");
      await engine().dump({ pid: app.pid, imagesDir: images.path });
      await app.ended();
      const { abort, signal } = controller();
      const onHook = (name: string): void => {
        if (name === hook) abort();
      };
      const restore = engine().restore({ imagesDir: images.path, signal, onHook });
      await assert.rejects(restore, reason);
      await waitFor("the process to be gone", () => !existsSync(`/proc/${app.pid}`), 10_000);
      await engine().restore({ imagesDir: images.path });
      assert.equal((await app.event("after")).outcome, "restored");
      await app.goesOn();
    });
  }

  test(`${kind}: a hook that never ends keeps nobody from cancelling`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun");
    const stuckAt = (wanted: string) => {
      const { abort, signal } = controller();
      const onHook = (name: string): Promise<void> | void => {
        if (name !== wanted) return;
        setTimeout(abort, 20);
        return new Promise<void>(() => {});
      };
      return { imagesDir: images.path, signal, onHook };
    };
    for (const hook of ["pre-dump", "post-dump"])
      await assert.rejects(engine().dump({ pid: app.pid, ...stuckAt(hook) }), reason);
    await app.event("released", 2);
    await app.goesOn();
    await engine().dump({ pid: app.pid, imagesDir: images.path });
    await app.ended();
    for (const hook of ["pre-restore", "post-restore", "pre-resume"])
      await assert.rejects(engine().restore(stuckAt(hook)), reason);
    await waitFor("the process to be gone", () => !existsSync(`/proc/${app.pid}`), 10_000);
    await engine().restore({ imagesDir: images.path });
    await app.goesOn();
  });

  test(`${kind}: a hook that throws refuses the dump with its message`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun");
    const hooks: string[] = [];
    const onHook = (hook: string): void => {
      hooks.push(hook);
      if (hook === "post-dump") throw new Error("the disk is too slow");
    };
    await assert.rejects(engine().dump({ pid: app.pid, imagesDir: images.path, onHook }), /the disk is too slow/);
    assert.deepEqual(
      hooks.filter((hook) => hook !== "query-ext-files"),
      ["pre-dump", "post-dump"],
    );
    assert.match(String((await app.event("released")).outcome), /^(continued|aborted)$/);
    await app.goesOn();
  });
}

function controller(): { abort(): void; readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { abort: () => controller.abort(reason), signal: controller.signal };
}

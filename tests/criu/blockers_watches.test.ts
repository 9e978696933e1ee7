/** Watches (inotify) that CRIU cannot find again. On real CRIU. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findBlockers } from "criu-aware/blockers";
import { command, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { bareDump, blocking, roundTrip } from "../support/blocked_dump.ts";
import { end, startProgram } from "../support/child.ts";
import { noCriu, shell } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const noOverlay: string | false =
  noCriu || (shell("grep -w overlay /proc/filesystems || true") === "" ? "this kernel has no overlayfs" : false);

/** An overlayfs until it is disposed. */
function overlay(at: string): Disposable & { readonly path: string } {
  shell(`mount -t tmpfs test ${at}; cd ${at}; mkdir -p lower/watched upper work merged;
    mount -t overlay test -o lowerdir=${at}/lower,upperdir=${at}/upper,workdir=${at}/work ${at}/merged`);
  return { path: join(at, "merged"), [Symbol.dispose]: () => void shell(`umount ${at}/merged ${at}`) };
}

test("a watch on overlayfs blocks until CRIU is told where to search", { skip: noOverlay }, async () => {
  using directory = temporaryDirectory();
  using images = temporaryDirectory();
  using merged = overlay(directory.path);
  await using app = await App.start("bun", { holds: ["watchAt"], at: join(merged.path, "watched") }, "blocked_app.ts");
  const kindsWith = async (...irmapScanPath: string[]): Promise<string[]> => {
    const criuOptions = irmapScanPath.length > 0 ? { irmapScanPath } : {};
    return blocking(await findBlockers([app.pid], { criuOptions })).map(({ kind }) => kind);
  };
  assert.deepEqual(await kindsWith(), ["watch"]);
  assert.deepEqual(await kindsWith("/usr/lib/no-such-place"), ["watch"]);
  assert.deepEqual(await kindsWith(merged.path), []);
  const failed = await bareDump(images.path, "bare", app.pid, {});
  assert.match(failed.errors.join("\n"), /Can't dump that handle/);
  await roundTrip(images.path, app, { irmapScanPath: [merged.path] });
});

for (const [name, engine] of Object.entries({ rpc, command })) {
  test(`${name}: an app whose marker is on overlayfs is dumped and restored by default`, {
    skip: noOverlay,
  }, async () => {
    using directory = temporaryDirectory();
    using images = temporaryDirectory();
    using merged = overlay(directory.path);
    await using app = await App.start("bun", { strategies: ["file"], directory: merged.path });
    const imagesDir = join(images.path, "images");
    await engine().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const { processes } = await engine().restore({ imagesDir });
    assert.equal(processes[0]?.outcome, "restored");
    await app.goesOn();
    process.kill(app.pid, "SIGKILL");
    await app.ended();
  });
}

test("a watch on /proc blocks, as CRIU could not open it again", { skip: noCriu }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun", { holds: ["watchAt"], at: "/proc/sys/kernel" }, "blocked_app.ts");
  assert.deepEqual(
    blocking(await findBlockers([app.pid])).map(({ kind }) => kind),
    ["watch"],
  );
  const failed = await bareDump(images.path, "bare", app.pid, {});
  assert.match(failed.errors.join("\n"), /Can't dump that handle/);
});

test("a watch on a deleted file of tmpfs blocks, and no option helps", { skip: noCriu }, async () => {
  using images = temporaryDirectory();
  const at = `/dev/shm/criu-aware-test-${process.pid}`;
  mkdirSync(at);
  try {
    await using app = await App.start("bun", { holds: ["watchDeleted"], at }, "blocked_app.ts");
    const found = blocking(await findBlockers([app.pid], { criuOptions: { irmapScanPath: [at] } }));
    assert.deepEqual(
      found.map(({ kind }) => kind),
      ["watch-deleted"],
    );
    const failed = await bareDump(images.path, "bare", app.pid, { irmapScanPath: [at] });
    assert.match(failed.errors.join("\n"), /Can't find suitable path for handle/);
  } finally {
    rmSync(at, { recursive: true });
  }
});

test("bun --hot on tmpfs is dumped after files were replaced, and reloads them after its restore as before", {
  skip: noCriu,
}, async () => {
  using directory = temporaryDirectory();
  using images = temporaryDirectory();
  const at = directory.path;
  const [output, imagesDir] = [join(images.path, "output"), join(images.path, "images")];
  // As editors save: under another name first.
  const save = (name: string, text: string): void => {
    writeFileSync(join(at, `${name}.new`), text);
    renameSync(join(at, `${name}.new`), join(at, name));
  };
  const entry = (word: string): string => `import { number } from "./number.ts";
    import { attach } from "${join(import.meta.dirname as string, "../../mod.ts")}";
    import { signal } from "${join(import.meta.dirname as string, "../../strategies/signal/agent.ts")}";
    globalThis.agent ??= await attach({ strategies: [signal()] });
    globalThis.timer ??= setInterval(() => {}, 1000);
    console.log("${word}", number);`;
  const says = (line: string): Promise<void> =>
    waitFor(line, () => readFileSync(output, "utf8").endsWith(`${line}\n`), 10_000);
  writeFileSync(output, "");
  shell(`mount -t tmpfs test ${at}`);
  try {
    save("number.ts", "export const number = 0");
    save("app.ts", entry("first"));
    const command = [runCommand.bun[0] as string, "--hot", join(at, "app.ts")];
    const redirected = `exec setsid "$@" </dev/null >${output} 2>&1`;
    await using app = startProgram("sh", ["-c", redirected, "sh", ...command], {}, "/");
    await says("first 0");
    for (const word of ["second", "third"]) {
      save("app.ts", entry(word));
      await says(`${word} 0`);
    }
    for (const number of [1, 2]) {
      save("number.ts", `export const number = ${number}`);
      await says(`third ${number}`);
    }
    assert.deepEqual(await findBlockers([app.pid]), []);
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended;
    const { processes } = await rpc().restore({ imagesDir });
    assert.equal(processes[0]?.outcome, "restored");
    save("number.ts", "export const number = 3");
    await says("third 3");
    save("app.ts", entry("last"));
    await says("last 3");
    await end(app.pid);
  } finally {
    shell(`umount -l ${at}`);
  }
});

/** Which cgroups a restored app is in: those of who restores it, unless somebody says otherwise. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type CriuOptions, command, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { cgroupRoot } from "../support/cgroups.ts";
import { end, runShell } from "../support/child.ts";
import { cli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { quoted } from "../support/small_namespace.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu || (cgroupRoot() === undefined && "no cgroup hierarchy that can be written");

/** A cgroup of its own; it must be empty at the end. */
function newCgroup(name: string): { readonly path: string; readonly name: string } & Disposable {
  const own = `criu-aware-${process.pid}-${name}`;
  const path = join(cgroupRoot() as string, own);
  mkdirSync(path, { recursive: true });
  return { path, name: own, [Symbol.dispose]: () => existsSync(path) && rmdirSync(path) };
}

const isIn = (pid: number, { name }: { readonly name: string }): boolean =>
  readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/${name}\n`);

for (const [kind, engine] of [
  ["rpc", rpc],
  ["command", command],
] as const) {
  const inTurn = async (criuOptions: CriuOptions, staysInFirst: boolean): Promise<void> => {
    using directory = temporaryDirectory();
    using first = newCgroup(`${kind}-a`);
    using second = newCgroup(`${kind}-b`);
    await using app = await App.start("bun");
    writeFileSync(join(first.path, "cgroup.procs"), String(app.pid));
    assert.ok(isIn(app.pid, first));
    const imagesDir = join(directory.path, "images");
    await engine().dump({ pid: app.pid, imagesDir, criuOptions });
    await app.ended();
    first[Symbol.dispose]();
    const restore = quoted([...runCommand.bun, cli, "restore", imagesDir, "--engine", kind]);
    const restored = await runShell(`echo $$ >${second.path}/cgroup.procs; exec ${restore}`);
    assert.equal(restored.code, 0, restored.stderr);
    await app.goesOn();
    assert.deepEqual([isIn(app.pid, first), isIn(app.pid, second)], [staysInFirst, !staysInFirst]);
    assert.equal(existsSync(first.path), staysInFirst, "made anew only when asked to");
    await end(app.pid);
  };

  test(`${kind}: an app that was dumped in one cgroup and is restored from another is in that one`, { skip }, () =>
    inTurn({}, false),
  );

  test(`${kind}: the user's own option on cgroups wins, at the restore as well`, { skip }, () =>
    inTurn({ manageCgroups: "soft" }, true),
  );
}

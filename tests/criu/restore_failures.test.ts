/** What is said of restores that fail for what the machine, the options or the surroundings lack; each by real CRIU. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, type CriuOptions, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { cgroupRoot } from "../support/cgroups.ts";
import { startProgram } from "../support/child.ts";
import { cli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

async function dumped(directory: string, app: App, criuOptions: CriuOptions = {}): Promise<string> {
  const imagesDir = join(directory, "images");
  await rpc().dump({ pid: app.pid, imagesDir, criuOptions });
  await app.ended();
  return imagesDir;
}

/** The error of a restore, which must fail and leave nothing. */
async function failure(directory: string, imagesDir: string, criuOptions: CriuOptions): Promise<CriuError> {
  const workDir = join(directory, "work");
  const error = await rpc()
    .restore({ imagesDir, workDir, criuOptions })
    .catch((error: unknown) => error);
  assert.ok(error instanceof CriuError, String(error));
  return error;
}

test("options that this machine cannot follow are named, each with what to do", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const images = await dumped(path, app);
  const cases: readonly (readonly [CriuOptions, RegExp])[] = [
    [{ lsmProfile: "none" }, /no LSM profile of this name: none\. Write apparmor:NAME/],
    [{ lsmProfile: existsSync("/sys/fs/selinux") ? "apparmor:none" : "selinux:none" }, /profile.*--lsm-profile/s],
    [{ lazyPages: true }, /Nobody serves the pages.*criu lazy-pages --images-dir DIR --work-dir WORK/],
    [{ libdir: "/nowhere" }, /There is no directory \/nowhere/],
    [{ joinNs: ["net:/nowhere"] }, /There is no namespace at \/nowhere/],
    [{ cpuCap: "all" }, /does not say what its CPU could do/],
  ];
  for (const [criuOptions, expected] of cases) {
    const { message, explanation } = await failure(path, images, criuOptions);
    assert.match(message, expected);
    assert.ok(explanation, message);
    assert.match(message, /CRIU says:\n/);
    assert.doesNotMatch(message, /FAILED\./);
  }
  await rpc().restore({ imagesDir: images });
  await app.goesOn();
});

test("a restore that may not set clocks says which capability that takes", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const images = await dumped(path, app);
  const command = [...runCommand.bun, cli, "restore", images, "--force=capability", "--work-dir", join(path, "work")];
  await using restore = startProgram("setpriv", ["--bounding-set=-sys_time", ...command]);
  const { code, stderr } = await restore.ended;
  assert.equal(code, 1);
  assert.match(stderr, /CRIU may not set the clocks of the app\. Run it with CAP_SYS_TIME/);
});

test("an app in a cgroup of its own: what is unknown is shown as such, and no consequence explains it", {
  skip: skip || (cgroupRoot() === undefined && "no cgroup hierarchy that can be written"),
}, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const group = join(cgroupRoot() as string, `criu-aware-${process.pid}-own`);
  mkdirSync(group);
  try {
    await using app = await App.start("bun");
    writeFileSync(join(group, "cgroup.procs"), String(app.pid));
    const images = await dumped(path, app, { manageCgroups: "soft" });
    rmdirSync(group);

    const missing = await failure(path, images, { manageCgroups: "none" });
    assert.match(missing.message, /The cgroup \S+ of the dump is not there.*--manage-cgroups=ignore/s);

    const core = readdirSync(images).find((name) => name.startsWith("fs-")) as string;
    const broken = join(path, "broken");
    const { cpSync } = await import("node:fs");
    cpSync(images, broken, { recursive: true });
    appendFileSync(join(broken, core), "x");
    rmSync(join(broken, core));
    const error = await rpc()
      .restore({ imagesDir: broken, force: ["file"], workDir: join(path, "work") })
      .catch((error: unknown) => error);
    assert.ok(error instanceof CriuError, String(error));
    assert.doesNotMatch(error.message, /cgroup/);
    await rpc().restore({ imagesDir: images, criuOptions: { manageCgroups: "ignore" } });
    await app.goesOn();
  } finally {
    if (existsSync(group)) rmdirSync(group);
  }
});

/** What is said of restores that fail for what the machine, the options or the surroundings lack; each by real CRIU. */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, type CriuOptions, command, locateCriu, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { cgroupRoot } from "../support/cgroups.ts";
import { startProgram } from "../support/child.ts";
import { cli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

async function dumped(directory: string, app: App, criuOptions: CriuOptions = {}): Promise<string> {
  const imagesDir = join(directory, "images");
  await rpc().dump({ pid: app.pid, imagesDir, criuOptions, unaware: true });
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
  const words = [...runCommand.bun, cli, "restore", images, "--force=capability", "--work-dir", join(path, "work")];
  await using restore = startProgram("setpriv", ["--bounding-set=-sys_time", ...words]);
  const { code, stderr } = await restore.ended;
  assert.equal(code, 1);
  assert.match(stderr, /CRIU may not set the clocks of the app\. Run it with CAP_SYS_TIME/);
});

test("an app in a cgroup of its own: a restore that fails is not explained by what CRIU says of cgroups afterwards", {
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

    const broken = join(path, "broken");
    cpSync(images, broken, { recursive: true });
    for (const name of readdirSync(broken)) if (name.startsWith("fs-")) rmSync(join(broken, name));
    const restored = rpc().restore({ imagesDir: broken, force: ["file"], workDir: join(path, "work") });
    const error = await restored.catch((error: unknown) => error);
    assert.ok(error instanceof CriuError, String(error));
    assert.match(error.message, /Process \d+ died by signal 11/);
    assert.doesNotMatch(error.message, /cgroup/);
    await rpc().restore({ imagesDir: images, criuOptions: { manageCgroups: "ignore" } });
    await app.goesOn();
  } finally {
    if (existsSync(group)) rmdirSync(group);
  }
});

test("a dump with --link-remap whose name is taken says what is in the way", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const options = { directory: path, holds: ["linked"] };
  await using first = await App.start("bun", options, "blocked_app.ts");
  await dumped(path, first, { linkRemap: true });
  rmSync(join(path, "another-name"));
  await using second = await App.start("bun", options, "blocked_app.ts");
  const dump = rpc().dump({
    ...{ pid: second.pid, unaware: true, criuOptions: { linkRemap: true } },
    ...{ imagesDir: join(path, "second"), workDir: join(path, "work") },
  });
  await assert.rejects(dump, /name that --link-remap gives to the removed file .*linked is taken.*Remove it/s);
  await second.goesOn();
});

for (const [kind, engine] of [
  ["rpc", rpc],
  ["command", command],
] as const) {
  test(`${kind}: --lazy-pages finds the daemon in the work directory that both have`, { skip }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    await using app = await App.start("bun");
    const imagesDir = await dumped(path, app);
    const workDir = join(path, "work");
    mkdirSync(workDir, { mode: 0o700 });
    const args = ["lazy-pages", "--images-dir", imagesDir, "--work-dir", workDir, "--log-file", "lazy.log"];
    await using daemon = startProgram(locateCriu(), args);
    await waitFor("the daemon", () => existsSync(join(workDir, "lazy-pages.socket")), 10_000);
    await engine().restore({ imagesDir, workDir, criuOptions: { lazyPages: true } });
    await app.goesOn();
    await daemon.ended;
  });
}

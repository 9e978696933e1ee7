/** `criu-aware hook`: CRIU's configuration files are the administrator's, not ours. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { installedHook, withHook, withoutHook } from "../../../cli/hook_file.ts";
import { type Ran, runCli } from "../../support/cli.ts";
import type { RuntimeName } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "bun";
const script = join(import.meta.dirname as string, "../../../criu/hook.sh");

async function hook(directory: string, ...args: string[]): Promise<Ran> {
  const ran = await runCli(runtime, ["hook", ...args, "--dir", directory]);
  assert.equal(ran.code, 0, ran.err);
  return ran;
}

test("withoutHook() gives back every byte that withHook() got", () => {
  const texts = ["", "\n", "a", "a\n", "# x\n\naction-script /other.sh\n", "tcp-close\r\n", "a\n".repeat(1000)];
  for (const text of texts) {
    assert.equal(withoutHook(withHook(text, script)), text);
    assert.equal(withHook(withHook(text, "/elsewhere/hook.sh"), script), withHook(text, script));
    assert.equal(withoutHook(text), text);
  }
});

test("installedHook() finds our script, whoever wrote the line, and no other", () => {
  assert.equal(installedHook(withHook("x\n", script)), script);
  assert.equal(installedHook(withHook("", "/a b/hook.sh")), "/a b/hook.sh");
  assert.equal(installedHook("tcp-close\n  action-script /x/hook.sh\n"), "/x/hook.sh");
  assert.equal(installedHook("#action-script /x/hook.sh\naction-script /x/other.sh\n"), undefined);
});

test("hook install shows the diff, keeps a copy, and does nothing the second time; uninstall restores the exact bytes", async () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "runc.conf");
  // No newline at the end, a mode of its own.
  const before = "network-lock nftables\nverbosity 4";
  writeFileSync(file, before);
  chmodSync(file, 0o640);

  const dry = await hook(directory.path, "install", "--for", "runc", "--dry-run");
  assert.match(dry.out, /^\+action-script .*criu-aware-hook\.sh$/m);
  assert.match(dry.out, /^dry run: nothing was changed$/m);
  assert.equal(readFileSync(file, "utf8"), before);
  assert.deepEqual(readdirSync(directory.path), ["runc.conf"]);

  const first = await hook(directory.path, "install", "--for", "runc");
  assert.match(first.out, /^\+action-script .*criu-aware-hook\.sh$/m);
  assert.match(
    first.out,
    /^installed:\n {2}made {5}\/.*hook\.sh\n {2}made {5}\/.*hook\.conf\n {2}changed {2}\/.*runc\.conf \(as/m,
  );
  const installed = readFileSync(file, "utf8");
  assert.match(installed, new RegExp(`^action-script ${directory.path}/criu-aware-hook.sh$`, "m"));
  assert.ok(installed.endsWith(before));
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.equal(readFileSync(`${file}.before-criu-aware`, "utf8"), before);

  const second = await hook(directory.path, "install", "--for", "runc");
  assert.match(second.out, /^nothing to do: /);
  assert.equal(readFileSync(file, "utf8"), installed);

  const gone = await hook(directory.path, "uninstall", "--for", "runc");
  assert.match(gone.out, /^removed:\n {2}changed {2}\/.*runc\.conf\n {2}removed {2}\/.*hook\.sh$/m);
  assert.doesNotMatch(gone.out, /written|as it was before/);
  assert.equal(readFileSync(file, "utf8"), before);
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.deepEqual(readdirSync(directory.path), ["runc.conf"]);
  assert.match((await hook(directory.path, "uninstall", "--for", "runc")).out, /^nothing to do: /);
});

test("hook uninstall leaves what was added since, takes a file away that only we wrote, and no empty one of the user's", async () => {
  using directory = temporaryDirectory();
  const path = (name: string): string => join(directory.path, name);
  await hook(directory.path, "install");
  writeFileSync(path("default.conf"), `${readFileSync(path("default.conf"), "utf8")}tcp-close\n`);
  await hook(directory.path, "uninstall");
  assert.equal(readFileSync(path("default.conf"), "utf8"), "tcp-close\n");

  await hook(directory.path, "install", "--for", "crun");
  await hook(directory.path, "uninstall", "--for", "crun");
  assert.equal(existsSync(path("crun.conf")), false);

  writeFileSync(path("runc.conf"), "");
  await hook(directory.path, "install", "--for", "runc");
  await hook(directory.path, "uninstall", "--for", "runc");
  assert.equal(readFileSync(path("runc.conf"), "utf8"), "");
});

test("hook install leaves a line alone that was added by hand, and makes the directory", async () => {
  using directory = temporaryDirectory();
  const place = join(directory.path, "etc/criu");
  const { line, script: named } = JSON.parse((await runCli(runtime, ["hook", "print", "--json"])).out);
  assert.ok(existsSync(named) && statSync(named).mode & 0o100, named);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "default.conf"), `${line}\n`);
  assert.match((await hook(place, "install")).out, /^nothing to do: /);
  const json = JSON.parse((await hook(join(directory.path, "new"), "install", "--json")).out);
  assert.equal(json.changed, true);
  assert.match(json.diff, /^\+action-script/m);
  assert.ok(existsSync(json.file));
});

test("hook install copies the script and lets processes without us be dumped as before; uninstall takes both away", async () => {
  using directory = temporaryDirectory();
  const path = (name: string): string => join(directory.path, name);
  await hook(directory.path, "install", "--for", "runc");
  const copy = path("criu-aware-hook.sh");
  assert.equal(readFileSync(copy, "utf8"), readFileSync(script, "utf8"));
  assert.equal(statSync(copy).mode & 0o777, 0o755);
  assert.equal(statSync(path("criu-aware-hook.conf")).mode & 0o777, 0o644);
  assert.match(readFileSync(path("criu-aware-hook.conf"), "utf8"), /^CRIU_AWARE_UNAWARE=1$/m);

  await hook(directory.path, "install");
  await hook(directory.path, "uninstall", "--for", "runc");
  assert.ok(existsSync(copy), "default.conf still names it");
  await hook(directory.path, "uninstall");
  assert.deepEqual(readdirSync(directory.path), []);
});

test("settings that are there stay, except for the one that is asked for", async () => {
  using directory = temporaryDirectory();
  const settings = join(directory.path, "criu-aware-hook.conf");
  writeFileSync(settings, "CRIU_AWARE_UNAWARE=1\nCRIU_AWARE_TIMEOUT_MS=99\n");
  await hook(directory.path, "install");
  assert.equal(readFileSync(settings, "utf8"), "CRIU_AWARE_UNAWARE=1\nCRIU_AWARE_TIMEOUT_MS=99\n");
  writeFileSync(settings, "CRIU_AWARE_UNAWARE=1\nCRIU_AWARE_TIMEOUT_MS=99");
  await hook(directory.path, "install", "--no-unaware");
  assert.equal(readFileSync(settings, "utf8"), "CRIU_AWARE_TIMEOUT_MS=99\nCRIU_AWARE_UNAWARE=0\n");
  await hook(directory.path, "uninstall");
  assert.deepEqual(readdirSync(directory.path), ["criu-aware-hook.conf"]);
});

test("the network is locked by nftables where iptables is missing, unless the file says how", () => {
  assert.match(withHook("", script, true), /^network-lock nftables$/m);
  assert.doesNotMatch(withHook("network-lock skip\n", script, true), /nftables/);
  for (const text of ["", "network-lock nftables\nverbosity 4"]) {
    assert.equal(withoutHook(withHook(text, script, true)), text);
  }
});

test("hook install refuses a directory or a file that another user can change, and follows a link of root's", async () => {
  using directory = temporaryDirectory();
  const place = join(directory.path, "criu");
  const config = join(place, "default.conf");
  const refused = async (): Promise<string> => {
    const { code, err } = await runCli(runtime, ["hook", "install", "--dir", place]);
    assert.equal(code, 2, err);
    return err;
  };
  mkdirSync(place);
  chmodSync(place, 0o777);
  assert.match(await refused(), /criu may be written by other users \(mode 777\): .*chmod go-w/);
  chmodSync(place, 0o755);
  writeFileSync(config, "tcp-close\n");
  chmodSync(config, 0o666);
  assert.match(await refused(), /default\.conf may be written by other users/);
  assert.equal(readFileSync(config, "utf8"), "tcp-close\n");
  chmodSync(config, 0o644);
  if (process.geteuid?.() === 0) {
    chownSync(place, 65534, 65534);
    assert.match(await refused(), /criu belongs to another user \(uid 65534\)/);
    chownSync(place, 0, 0);
  }
  renameSync(config, join(directory.path, "real.conf"));
  symlinkSync("../real.conf", config);
  await hook(place, "install");
  assert.ok(lstatSync(config).isSymbolicLink());
  assert.match(readFileSync(join(directory.path, "real.conf"), "utf8"), /^action-script .*\ntcp-close\n$/m);
  await hook(place, "uninstall");
  assert.deepEqual(readdirSync(place), ["default.conf"]);
  assert.equal(readFileSync(config, "utf8"), "tcp-close\n");
});

test("hook install says what to do where it may not write", async () => {
  const { code, err } = await runCli(runtime, ["hook", "install", "--dir", "/proc/none"]);
  assert.equal(code, 2);
  assert.match(err, /^criu-aware hook install: Cannot write \/proc\/none\/criu-aware-hook\.sh: .*sudo/);
});

test("hook uninstall takes the directories away that hook install made, unless something else is in them", async () => {
  using directory = temporaryDirectory();
  const place = join(directory.path, "made/also/criu");
  await hook(place, "install");
  await hook(place, "install", "--for", "runc", "--no-unaware");
  await hook(place, "uninstall");
  assert.match(
    (await hook(place, "uninstall", "--for", "runc", "--dry-run")).out,
    /made\/also\/criu \(when it is empty\)/,
  );
  assert.equal(existsSync(join(place, "runc.conf")), true);
  await hook(place, "uninstall", "--for", "runc");
  assert.deepEqual(readdirSync(directory.path), []);

  await hook(place, "install");
  writeFileSync(join(directory.path, "made/mine"), "");
  await hook(place, "uninstall");
  assert.deepEqual(readdirSync(join(directory.path, "made")), ["mine"]);

  const own = join(directory.path, "own");
  mkdirSync(own);
  await hook(own, "install");
  await hook(own, "uninstall");
  assert.deepEqual(readdirSync(own), []);
});

test("hook uninstall says so of a line that was added by hand, and leaves no copy of a file that was put right by hand", async () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "default.conf");
  writeFileSync(file, "action-script /opt/criu-aware-hook.sh\n");
  assert.match((await hook(directory.path, "uninstall")).out, /has a line that somebody added by hand/);
  writeFileSync(file, "tcp-close\n");
  await hook(directory.path, "install");
  writeFileSync(file, "tcp-close\n");
  await hook(directory.path, "uninstall");
  assert.deepEqual(readdirSync(directory.path), ["default.conf"]);
});

test("hook install refuses a file that is no UTF-8, which it would not write back as it was", async () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "default.conf");
  const before = Buffer.from("# caf\xe9\ntcp-close\n", "latin1");
  writeFileSync(file, before);
  const { code, err } = await runCli(runtime, ["hook", "install", "--dir", directory.path]);
  assert.equal(code, 2);
  assert.match(err, /default\.conf: it is no UTF-8 text\. Change it by hand: criu-aware hook print\.$/);
  assert.deepEqual(readFileSync(file), before);
  writeFileSync(file, "\ufeff# café\r\ntcp-close");
  await hook(directory.path, "install");
  await hook(directory.path, "uninstall");
  assert.equal(readFileSync(file, "utf8"), "\ufeff# café\r\ntcp-close");
});

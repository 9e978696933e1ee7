/** `criu-aware hook`: CRIU's configuration files are the administrator's, not ours. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
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
  assert.match(dry.out, /^\+action-script .*criu\/hook\.sh$/m);
  assert.match(dry.out, /^dry run: nothing was changed$/m);
  assert.equal(readFileSync(file, "utf8"), before);
  assert.deepEqual(readdirSync(directory.path), ["runc.conf"]);

  const first = await hook(directory.path, "install", "--for", "runc");
  assert.match(first.out, /^\+action-script .*criu\/hook\.sh$/m);
  const installed = readFileSync(file, "utf8");
  assert.match(installed, new RegExp(`^action-script ${script}$`, "m"));
  assert.ok(installed.endsWith(before));
  assert.equal(statSync(file).mode & 0o777, 0o640);
  assert.equal(readFileSync(`${file}.before-criu-aware`, "utf8"), before);

  const second = await hook(directory.path, "install", "--for", "runc");
  assert.match(second.out, /^nothing to do: /);
  assert.equal(readFileSync(file, "utf8"), installed);

  await hook(directory.path, "uninstall", "--for", "runc");
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

test("hook install --copy names a copy that runs", async () => {
  using directory = temporaryDirectory();
  await hook(directory.path, "install", "--copy");
  const copy = join(directory.path, "criu-aware-hook.sh");
  assert.equal(readFileSync(copy, "utf8"), readFileSync(script, "utf8"));
  assert.equal(statSync(copy).mode & 0o111, 0o111);
  assert.match(readFileSync(join(directory.path, "default.conf"), "utf8"), /^action-script .*criu-aware-hook\.sh$/m);
});

test("hook install says what to do where it may not write", async () => {
  const { code, err } = await runCli(runtime, ["hook", "install", "--dir", "/proc/none"]);
  assert.equal(code, 2);
  assert.match(err, /^criu-aware hook install: Cannot write \/proc\/none\/default\.conf: .*sudo/);
});

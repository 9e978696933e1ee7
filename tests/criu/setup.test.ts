/** `criu-aware setup`: what it unpacks works, and every command finds it. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { locateCriu } from "criu-aware/driver";
import { startProgram } from "../support/child.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { asNobody } from "../support/nobody.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

test("setup unpacks a CRIU that works where it is told to, and it is found there", { skip }, async () => {
  using directory = temporaryDirectory();
  const prefix = join(directory.path, "tools");
  // The packages come from the mirror of this machine.
  const { code, out, err } = await runCli("deno", ["setup", "--prefix", prefix]);
  assert.equal(code, 0, out + err);
  assert.match(err, /^criu-aware setup: unpacking CRIU in /);
  assert.match(out, /^ok {5}trial +a process with a listening socket was dumped and restored$/m);
  assert.match(out, new RegExp(`^Every command finds it with CRIU_AWARE_PREFIX=${prefix}$`, "m"));
  process.env.CRIU_AWARE_PREFIX = prefix;
  try {
    assert.equal(locateCriu(), join(prefix, "criu/bin/criu"));
  } finally {
    delete process.env.CRIU_AWARE_PREFIX;
  }
  const again = await runCli("bun", ["setup", "--prefix", prefix, "--json"]);
  assert.equal(again.err, "", "it is not unpacked twice");
  const { works, tools } = JSON.parse(again.out);
  assert.deepEqual([works, tools[0].path], [true, join(prefix, "criu/bin/criu")]);
});

test("setup --check is exit code 1 where there is no CRIU, names the command, and makes nothing", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const prefix = join(directory.path, "tools");
  const { code, out } = await runCli("bun", ["setup", "--check", "--gpu", "--prefix", prefix]);
  assert.equal(code, 1, out);
  const told = out.replace(/\s+/g, " ");
  assert.ok(told.includes(`CRIU is missing. → Run: npm run setup -- --prefix ${prefix}`), out);
  assert.ok(told.includes(`device is missing → Run: npm run setup -- --gpu --prefix ${prefix}`), out);
  assert.deepEqual(readdirSync(directory.path), []);
});

test("setup says where a trial is not possible, and what to run there: not as another user, not without capabilities", {
  skip,
}, async () => {
  const check = [...runCommand.bun, cli, "setup", "--check"];
  const other = await startProgram("setpriv", [...asNobody, ...check], { HOME: "/nonexistent" }).ended;
  assert.equal(other.code, 0, other.stdout + other.stderr);
  assert.match(other.stdout, /^note {3}trial +not tried: CRIU needs root\n +→ Run: sudo .*npm run setup -- --check$/m);
  const bounded = await startProgram("setpriv", ["--bounding-set=-sys_admin,-sys_ptrace", ...check]).ended;
  assert.equal(bounded.code, 0, bounded.stdout + bounded.stderr);
  assert.match(bounded.stdout, /^note {3}trial +cannot be tried without CAP_SYS_PTRACE, CAP_SYS_ADMIN$/m);
});

test("setup --from-image unpacks in a container of the image by the program that is there", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  mkdirSync(join(path, "bin"));
  // Does in this system what podman does in a container: the script, with fakes of apt and dpkg, and without network.
  const scripts = {
    podman: `echo "$@" | head -n 1 >${path}/asked; shift 3; exec "$@"`,
    "apt-get": 'case "$*" in *simulate*) echo "Inst criu (4.9 Debian)" ;; *download*) : >criu.deb ;; esac',
    dpkg: `loader=$3/usr/lib/x-linux-gnu/ld-linux-x.so.2; mkdir -p "$3/usr/lib/x-linux-gnu"
      printf '#!/bin/sh\\n[ "$4" = --version ] && echo Version: 4.9\\n' >"$loader"; chmod +x "$loader"`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(path, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const prefix = join(path, "tools");
  const env = { PATH: `${path}/bin:${process.env.PATH}`, TMPDIR: path };
  const { out } = await runCli("bun", ["setup", "--prefix", prefix, "--from-image", "debian:x", "--json"], env);
  assert.match(readFileSync(join(path, "asked"), "utf8"), /^run --rm debian:x sh -c /);
  const [criu] = JSON.parse(out).tools;
  // A real one is tried; this one only says its version.
  assert.match(criu.checks[0].found, new RegExp(`^4\\.9, ${prefix}/criu/bin/criu$`));
  assert.equal(criu.checks[1].verdict, "fails");
});

test("what a shell has left open, here with a lock, is not passed on to the trial, and fails none", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const leftOpen = ["-c", 'exec 9>"$0"; flock 9; exec "$@"', join(directory.path, "lock")];
  for (const runtime of ["bun", "deno"] as const) {
    const { stdout, stderr } = await startProgram("sh", [...leftOpen, ...runCommand[runtime], cli, "setup", "--check"])
      .ended;
    assert.match(stdout, /^ok {5}trial /m, runtime + stdout + stderr);
  }
});

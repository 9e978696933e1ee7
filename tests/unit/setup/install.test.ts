import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findUnpacked } from "../../../criu/places.ts";
import { install, openPrefix } from "../../../setup/install.ts";
import { SetupError } from "../../../setup/setup_error.ts";
import { criuTool } from "../../../setup/tools.ts";
import { NOBODY, noNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { waitFor } from "../../support/time.ts";

const never = new AbortController().signal;

/** Installs with a `podman` of these shell commands; the image is called `image`. */
async function installWith(prefix: string, podman: string, signal: AbortSignal = never): Promise<void> {
  using directory = temporaryDirectory();
  const program = join(directory.path, "podman");
  writeFileSync(program, `#!/bin/sh\n${podman}\n`, { mode: 0o755 });
  using opened = await openPrefix(prefix);
  await install(criuTool, opened, { program, image: "image" }, signal);
}

/** Shell commands that send, as a container does, a CRIU that says which it is, and starts with these commands. */
const sending = (which: string, start = "exit 0"): string => `
  cd "$(mktemp -d -p "$(dirname "$0")")" && mkdir -p unpacked/usr/lib/x-linux-gnu
  echo ${which} >unpacked/which
  printf '#!/bin/sh\n${start}\n' >unpacked/usr/lib/x-linux-gnu/ld-linux-x.so.2
  chmod +x unpacked/usr/lib/x-linux-gnu/ld-linux-x.so.2
  tar -c -f - .`;

const which = (prefix: string): string => readFileSync(join(prefix, "criu/unpacked/which"), "utf8").trim();
const kept = (prefix: string): string[] => readdirSync(join(prefix, ".criu-aware"));

test("what is installed takes the place of what was there at once, can be moved, and nothing else stays", async () => {
  using directory = temporaryDirectory();
  const prefix = join(directory.path, "a/b");
  await installWith(prefix, sending("first"));
  assert.equal(which(prefix), "first");
  assert.equal(findUnpacked("criu/bin/criu", [prefix]).path, join(prefix, "criu/bin/criu"));
  const first = readlinkSync(join(prefix, "criu"));
  await installWith(prefix, sending("second"));
  assert.equal(which(prefix), "second");
  assert.notEqual(readlinkSync(join(prefix, "criu")), first);
  assert.equal(kept(prefix).length, 1);
  renameSync(prefix, join(directory.path, "moved"));
  assert.equal(which(join(directory.path, "moved")), "second");
});

test("a set-up that fails leaves what was there, says why, and what to do", async () => {
  using directory = temporaryDirectory();
  const { path: prefix } = directory;
  await installWith(prefix, sending("first"));
  const failing = [
    ["echo 'Error: no such image' >&2; exit 125", /^SetupError: Cannot unpack CRIU: Error: no such image\n/],
    ["echo 'no archive'", /^SetupError: Cannot unpack CRIU: .*tar: /],
    ["exit 9", /^SetupError: Cannot unpack CRIU: .*podman ended with 9\n {2}An image of Debian is needed: npm /],
    [sending("alien", "echo wrong machine >&2; exit 1"), /^SetupError: .* does not start: wrong machine/],
    [`${sending("half")} | head -c 700; exit 1`, /^SetupError: Cannot unpack CRIU: /],
  ] as const;
  for (const [podman, message] of failing) {
    await assert.rejects(installWith(prefix, podman), message);
    assert.equal(which(prefix), "first");
    assert.equal(kept(prefix).length, 1);
  }
});

test("a set-up that is cancelled ends what it has started and leaves what was there", async () => {
  using directory = temporaryDirectory();
  const { path: prefix } = directory;
  await installWith(prefix, sending("first"));
  const pid = join(prefix, "pid");
  const controller = new AbortController();
  const installing = installWith(prefix, `echo $$ >${pid}; sleep 60; echo too late >${prefix}/late`, controller.signal);
  const ended = assert.rejects(installing, /enough/);
  await waitFor("podman", () => existsSync(pid) && readFileSync(pid, "utf8") !== "");
  controller.abort(new Error("enough"));
  await ended;
  await waitFor("podman to end", () => !existsSync(`/proc/${readFileSync(pid, "utf8").trim()}`));
  assert.equal(which(prefix), "first");
  assert.equal(kept(prefix).length, 1);
});

test("what an interrupted set-up left is removed by the next one", async () => {
  using directory = temporaryDirectory();
  const { path: prefix } = directory;
  mkdirSync(join(prefix, ".criu-aware/criu-abcdef/unpacked"), { recursive: true });
  mkdirSync(join(prefix, ".criu-aware/vulkan-abcdef"));
  await installWith(prefix, sending("whole"));
  assert.deepEqual(kept(prefix).sort(), [readlinkSync(join(prefix, "criu")).split("/")[1], "vulkan-abcdef"].sort());
});

test("what is not ours is neither replaced nor removed", async () => {
  using directory = temporaryDirectory();
  const { path: prefix } = directory;
  mkdirSync(join(prefix, "criu-of-mine"));
  mkdirSync(join(prefix, "criu"));
  writeFileSync(join(prefix, "criu/data"), "precious");
  await assert.rejects(
    installWith(prefix, sending("x")),
    /^SetupError: .*criu: something else has that name\.\n.*--prefix DIR$/,
  );
  assert.equal(readFileSync(join(prefix, "criu/data"), "utf8"), "precious");
  assert.ok(existsSync(join(prefix, "criu-of-mine")));
});

test("of two set-ups in one directory the second is told to wait", async () => {
  using directory = temporaryDirectory();
  using _first = await openPrefix(directory.path);
  await assert.rejects(
    openPrefix(directory.path),
    /^SetupError: Another set-up is at work in .*: wait until it has ended\.$/,
  );
});

test("nothing is unpacked where somebody else could replace it", { skip: noNobody }, async () => {
  using directory = temporaryDirectory();
  const { chmodSync, chownSync } = await import("node:fs");
  const place = join(directory.path, "place");
  mkdirSync(place);
  chmodSync(place, 0o777);
  await assert.rejects(
    openPrefix(join(place, "tools")),
    /^SetupError: .*place may be written by other users.*\n.*--prefix DIR\n/,
  );
  await assert.rejects(openPrefix(place), /^SetupError: .*place may be written by other users/);
  chmodSync(place, 0o755);
  chownSync(place, NOBODY, NOBODY);
  await assert.rejects(openPrefix(join(place, "tools")), (error) => error instanceof SetupError);
  assert.deepEqual(readdirSync(place), []);
});

test("nothing is unpacked among what others may have put there before, in a sticky directory either", {
  skip: noNobody,
}, async () => {
  using directory = temporaryDirectory();
  const { chmodSync, chownSync } = await import("node:fs");
  const { path: prefix } = directory;
  chmodSync(prefix, 0o1777);
  await assert.rejects(openPrefix(prefix), /^SetupError: .* may be written by other users/);
  chmodSync(prefix, 0o755);
  const store = join(prefix, ".criu-aware");
  mkdirSync(store);
  chownSync(store, NOBODY, NOBODY);
  await assert.rejects(openPrefix(prefix), /^SetupError: .*\.criu-aware belongs to another user/);
  assert.deepEqual(readdirSync(store), []);
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { openScratchFile } from "../../../ffi/scratch_file.ts";
import { countDescriptors } from "../../support/descriptors.ts";

const libc = await openLibc();

test("a scratch file holds all that another process wrote, and what it writes later", () => {
  using file = openScratchFile(libc, "test");
  assert.equal(file.text(), "");
  const write = (script: string): void =>
    assert.equal(spawnSync("sh", ["-c", script], { stdio: ["ignore", "ignore", file.fd] }).status, 0);
  write("echo ünï >&2");
  assert.equal(file.text(), "ünï\n");
  write("head -c 100000 /dev/zero | tr '\\0' x >&2");
  assert.equal(file.text(), `ünï\n${"x".repeat(100_000)}`);
});

test("a closed scratch file has no text, and its descriptor is not closed twice", () => {
  const before = countDescriptors(/memfd:(test|other)/);
  const file = openScratchFile(libc, "test");
  file[Symbol.dispose]();
  using other = openScratchFile(libc, "other");
  file[Symbol.dispose]();
  assert.equal(file.text(), "");
  assert.equal(spawnSync("sh", ["-c", "echo open >&2"], { stdio: ["ignore", "ignore", other.fd] }).status, 0);
  assert.equal(other.text(), "open\n");
  other[Symbol.dispose]();
  assert.equal(countDescriptors(/memfd:(test|other)/), before);
});

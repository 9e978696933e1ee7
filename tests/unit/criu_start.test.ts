import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const script = join(import.meta.dirname as string, "../../setup/criu_start.sh");

test("an unpacked CRIU that is moved, or called by a link, starts with the loader and the libraries beside it", () => {
  using directory = temporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  mkdirSync(at("first/bin"), { recursive: true });
  mkdirSync(at("first/unpacked/usr/lib/x86_64-linux-gnu"), { recursive: true });
  const loader = "unpacked/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
  writeFileSync(at(`first/${loader}`), '#!/bin/sh\necho "$0" "$@"\n', { mode: 0o700 });
  copyFileSync(script, at("first/bin/criu"));
  renameSync(at("first"), at("second"));
  symlinkSync("second/bin/criu", at("link"));
  const root = at("second/unpacked");
  for (const path of [at("second/bin/criu"), at("link")]) {
    const said = execFileSync("sh", [path, "dump", "a b"], { encoding: "utf8" }).trim().replaceAll("/bin/..", "");
    assert.equal(
      said,
      `${at(`second/${loader}`)} --library-path ${root}/usr/lib/x86_64-linux-gnu ${root}/usr/sbin/criu dump a b`,
    );
  }
});

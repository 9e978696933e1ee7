import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openLibc, requireVersion } from "../../../ffi/libc.ts";
import { UnsupportedPlatformError } from "../../../ffi/unsupported_platform.ts";

test("a runtime that is too old is an error that names the version found and the one needed", () => {
  const too = (version: string, oldest: string) => () => requireVersion({ name: "bun", version, oldest });
  assert.throws(too("1.3.9", "1.3.10"), (error: Error) => {
    assert.ok(error instanceof UnsupportedPlatformError);
    assert.equal(error.message, "Cannot run in bun 1.3.9: criu-aware needs 1.3.10 or newer.");
    return true;
  });
  assert.throws(too("1.3.9", "2.0.0"));
  for (const version of ["1.3.10", "1.3.11", "1.4.0", "2.0.0", "1.3.10-canary.1", "1.3.10+abcdef"]) {
    too(version, "1.3.10")();
  }
});

test("package.json names the oldest version that this runtime may have", async () => {
  const { engines } = JSON.parse(readFileSync(join(import.meta.dirname as string, "../../../package.json"), "utf8"));
  const { name, oldest } = (await openLibc()).runtime;
  assert.equal(engines[name], `>=${oldest}`);
});

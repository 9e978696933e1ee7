import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startLazyPages } from "../../../criu/lazy_pages.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { end } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** A program in the place of CRIU, which notes its pid. */
function program(directory: string, text: string): string {
  const path = join(directory, "criu");
  writeFileSync(path, `#!/bin/sh\necho $$ > ${directory}/pid\n${text}\n`, { mode: 0o755 });
  return path;
}

const pidIn = (directory: string): number => Number(readFileSync(join(directory, "pid"), "utf8"));

test("a daemon for lazy pages is there when it says that it listens, and ends with its disposal", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const criu = program(path, `echo "$@" > ${path}/words; printf '\\0' >&3; exec sleep 1000`);
  const place = { imagesDir: "/images", workDir: path, timeoutMs: 10_000 };
  let pid: number;
  {
    await using daemon = await startLazyPages(await openLibc(), criu, place);
    assert.equal(daemon.failed, undefined);
    pid = pidIn(path);
    assert.ok(existsSync(`/proc/${pid}`));
    const words = readFileSync(join(path, "words"), "utf8");
    assert.match(words, /^lazy-pages --images-dir=\/images --work-dir=\S+ --log-file=lazy-pages\.log --status-fd=3$/m);
  }
  assert.ok(!existsSync(`/proc/${pid}`));
});

test("a daemon that was released goes on after its disposal", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const criu = program(path, "printf '\\0' >&3; exec sleep 1000");
  {
    await using daemon = await startLazyPages(await openLibc(), criu, {
      imagesDir: path,
      workDir: path,
      timeoutMs: 10_000,
    });
    daemon.release();
  }
  assert.ok(existsSync(`/proc/${pidIn(path)}`));
  await end(pidIn(path));
});

test("a daemon that ends, never listens, or does not start has failed", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const libc = await openLibc();
  const failed = async (criu: string, timeoutMs: number): Promise<unknown> => {
    await using daemon = await startLazyPages(libc, criu, { imagesDir: path, workDir: path, timeoutMs });
    return daemon.failed;
  };
  assert.deepEqual(await failed(program(path, "echo 'no pages' >&2; exit 7"), 10_000), {
    exitCode: 7,
    stderr: "no pages\n",
  });
  assert.deepEqual(await failed(program(path, "exec sleep 1000"), 200), { exitCode: null, stderr: "" });
  assert.ok(!existsSync(`/proc/${pidIn(path)}`));
  assert.deepEqual(await failed(join(path, "none"), 10_000), { exitCode: null, stderr: "" });
});

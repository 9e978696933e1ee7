/** `criu-aware images --find`: where the text comes from. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { wantedText } from "../../../cli/wanted_text.ts";
import { type Ended, startProgram } from "../../support/child.ts";
import { cli } from "../../support/cli.ts";
import { type RuntimeName, runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "bun";
const secret = "pässword 1234";

test("the text to look for is read from stdin or a file, and is never printed", async () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "secret");
  const images = join(directory.path, "images");
  mkdirSync(images);
  writeFileSync(join(images, "pages-1.img"), `before ${secret} after`);
  writeFileSync(file, `${secret}\n`);
  const find = (script: string): Promise<Ended> =>
    startProgram("bash", ["-c", script, "bash", ...runCommand[runtime], cli, "images", images], { FILE: file }).ended;
  const calls = ['"$@" --find - < "$FILE"', '"$@" --find-file "$FILE"', '"$@" --json --find-file <(cat "$FILE")'];
  for (const { code, stdout, stderr } of await Promise.all(calls.map(find))) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /pages-1\.img/);
    assert.ok(!`${stdout}${stderr}`.includes("pässword"), stdout + stderr);
  }
});

test("one newline at the end of the file is no part of the text", () => {
  using directory = temporaryDirectory();
  const findFile = join(directory.path, "secret");
  for (const [written, wanted] of [
    [secret, secret],
    [`${secret}\n`, secret],
    [`${secret}\r\n`, secret],
    [`${secret}\n\n`, `${secret}\n`],
  ] as const) {
    writeFileSync(findFile, written);
    assert.equal(wantedText({ findFile }), wanted);
  }
  assert.equal(wantedText({ find: secret }), secret);
  assert.equal(wantedText({}), undefined);
});

test("a text that is empty, endless or not there is wrong usage, and so is to compare and search at once", async () => {
  using directory = temporaryDirectory();
  const images = directory.path;
  const wrong: [script: string, message: RegExp][] = [
    ['"$@" --find ""', /Cannot look for nothing/],
    ['"$@" --find - </dev/null', /Cannot look for nothing/],
    ['"$@" --find-file /dev/zero', /from \/dev\/zero: it has more than 1 MiB/],
    ['"$@" --find-file /none', /from \/none: .*ENOENT|from \/none: .*[Nn]o such file/],
    ['"$@" --find-file /', /from \/: it is a directory/],
    ['"$@" --find a --find-file b', /'--find <text>' cannot be used with option '--find-file <file>'/],
    ['"$@" . --find a', /Cannot compare and search at once/],
  ];
  const command = ["bash", ...runCommand[runtime], cli, "images", images];
  await Promise.all(
    wrong.map(async ([script, message]) => {
      const { code, stderr } = await startProgram("bash", ["-c", script, ...command]).ended;
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split("\n").length, 1);
    }),
  );
});

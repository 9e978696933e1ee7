import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { openChecked } from "../../../ffi/open_checked.ts";
import { describeState } from "../../../gpu/mod.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { countOpens } from "../../support/impostor.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("openChecked() opens the very file that was looked at, though its name leads elsewhere by now", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/file`;
  writeFileSync(path, "looked at");
  writeFileSync(`${path}.other`, "another");
  const fd = openChecked(path, constants.O_RDONLY, (held) => {
    assert.ok(fstatSync(held).isFile());
    renameSync(`${path}.other`, path);
  });
  assert.equal(readFileSync(fd, "utf8"), "looked at");
  closeSync(fd);
});

test("openChecked() opens nothing that its check throws for, and leaves no descriptor", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/file`;
  writeFileSync(path, "");
  const refuse = (): never => {
    throw new Error("not this one");
  };
  assert.throws(() => openChecked(path, constants.O_RDWR, refuse), /not this one/);
  assert.throws(() => openChecked(`${path}.none`, constants.O_RDWR, refuse), { code: "ENOENT" });
  assert.equal(countDescriptors(new RegExp(path)), 0);
});

test("a pipe in the place of a saved state is not opened", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/trainer.0`;
  spawnSync("mkfifo", [path]);
  using opens = await countOpens(path);
  assert.throws(() => describeState(path), { name: "StateError", code: "foreign" });
  assert.equal(opens.count(), 0);
});

test("with O_NOFOLLOW openChecked() shows a symbolic link to its check, and opens a file as ever", () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/file`;
  writeFileSync(path, "content");
  symlinkSync(path, `${path}.link`);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const fd = openChecked(path, flags, (held) => assert.ok(fstatSync(held).isFile()));
  assert.equal(readFileSync(fd, "utf8"), "content");
  closeSync(fd);
  const requireLink = (held: number): void => {
    assert.ok(fstatSync(held).isSymbolicLink());
    throw new Error("a link");
  };
  assert.throws(() => openChecked(`${path}.link`, flags, requireLink), /a link/);
});

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { openBeneath } from "../../../ffi/beneath.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("openBeneath() gives a path that works here", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  mkdirSync(`${directory.path}/sub`);
  writeFileSync(`${directory.path}/sub/file`, "text");
  using file = openBeneath(libc, process.pid, `${directory.path}/sub/file`);
  assert.equal(readFileSync(file.path, "utf8"), "text");
  using place = openBeneath(libc, process.pid, `${directory.path}/sub`);
  assert.equal(readFileSync(`${place.path}/file`, "utf8"), "text");
});

test("openBeneath() goes through no symbolic link, neither at the end nor before it", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  mkdirSync(`${directory.path}/sub`);
  writeFileSync(`${directory.path}/sub/file`, "text");
  symlinkSync("sub", `${directory.path}/link`);
  symlinkSync("sub/file", `${directory.path}/file`);
  for (const path of ["link/file", "file"]) {
    assert.throws(() => openBeneath(libc, process.pid, `${directory.path}/${path}`), { code: "ELOOP" }, path);
  }
  assert.throws(() => openBeneath(libc, process.pid, "/proc/self/cwd/mod.ts"), { code: "ELOOP" });
  assert.throws(() => openBeneath(libc, process.pid, `/proc/${process.pid}/fd/0`), { code: "ELOOP" });
});

test("openBeneath() does not leave the root by dots", async () => {
  const libc = await openLibc();
  using place = openBeneath(libc, process.pid, "/../../../../etc");
  assert.ok(readdirSync(place.path).includes("passwd"));
});

test("openBeneath() says what is missing, and leaves no descriptor", async () => {
  const libc = await openLibc();
  const before = countDescriptors(/^\/(etc)?$/);
  assert.throws(() => openBeneath(libc, process.pid, "/no/such"), {
    code: "ENOENT",
    message: `Cannot open /no/such of process ${process.pid}: ENOENT`,
  });
  assert.throws(() => openBeneath(libc, process.pid, ""), { code: "ENOENT" });
  assert.throws(() => openBeneath(libc, 4_194_305, "/etc"), { code: "ENOENT" });
  openBeneath(libc, process.pid, "/etc")[Symbol.dispose]();
  assert.ok(countDescriptors(/^\/(etc)?$/) <= before, "it left a descriptor open");
});

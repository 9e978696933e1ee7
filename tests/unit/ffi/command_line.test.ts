/** What /proc says of a process that may say anything of itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commandLine } from "../../../ffi/command_line.ts";
import { readUsers } from "../../../ffi/users.ts";
import { startProgram } from "../../support/child.ts";
import { waitFor } from "../../support/time.ts";

test("a command line is given as it is, and of a very long one the beginning; none when the process has ended", async () => {
  const words = ["-c", "kill -STOP $$", "two words", "\x1b[2J\nline", "", "x".repeat(100_000)];
  let pid: number;
  {
    await using child = startProgram("sh", words);
    pid = child.pid;
    await waitFor("the program", () => /\bsh$/.test(commandLine(pid)[0] ?? ""));
    const found = commandLine(pid);
    assert.deepEqual(found.slice(1, 6), words.slice(0, 5));
    assert.match(String(found[6]), /^x{3000,4096}$/);
  }
  assert.deepEqual(commandLine(pid), []);
});

test("users have the names of /etc/passwd, the first of a uid", () => {
  const [first = ""] = readFileSync("/etc/passwd", "utf8").split("\n");
  const [name, , uid] = first.split(":");
  assert.equal(readUsers().get(Number(uid))?.name, name);
  assert.equal(readUsers().get(4_294_967_294), undefined);
});

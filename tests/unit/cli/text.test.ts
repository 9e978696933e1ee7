/** The small parts of the command line. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { styleText } from "node:util";
import { cancelOnSignal } from "../../../cli/cancel.ts";
import { exitCodeOf } from "../../../cli/exit_codes.ts";
import { relaySignals } from "../../../cli/foreground.ts";
import { readLabel } from "../../../cli/labels.ts";
import { defaultLog } from "../../../cli/launch.ts";
import { colours } from "../../../cli/paint.ts";
import { memoryOf, pagesOf } from "../../../cli/progress.ts";
import { table } from "../../../cli/table.ts";
import { bytes, count, duration } from "../../../cli/units.ts";
import { wrap } from "../../../cli/wrap.ts";
import { CriuError } from "../../../criu/errors.ts";
import { UsageError } from "../../../criu/usage_error.ts";
import { DumpRefusedError } from "../../../driver/engine.ts";
import { printableText } from "../../../ffi/printable.ts";
import { aliveSince } from "../../../ffi/process.ts";
import { memoryIn } from "../../../images/memory.ts";
import { startProgram } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";
import { writeImages } from "../../support/written_images.ts";

test("wrap() breaks between words at 80 columns, indents, and loses no word", () => {
  const words = Array.from({ length: 60 }, (_, i) => "x".repeat((i * 7) % 19)).filter(Boolean);
  words.splice(20, 0, "/".repeat(100));
  const lines = wrap(words.join(" "), "    ", "- ").split("\n");
  assert.equal(lines.join(" ").replace("- ", "").replace(/ +/g, " "), words.join(" "));
  assert.ok(lines.every((line, i) => line.startsWith(i === 0 ? "- x" : "    ")));
  assert.deepEqual(
    lines.filter((line) => line.length > 80 && !line.includes("//")),
    [],
  );
  assert.ok(lines.some((line) => line.length > 70));
  assert.equal(wrap("", "  "), "  ");
});

test("table() stays within its columns, whatever a cell holds", async () => {
  const rows = [
    [1, "x".repeat(3000), "ok"],
    [2, "two\nlines", "ok"],
  ];
  const lines = (await table(["pid", "name", "state"], rows)).split("\n");
  assert.equal(lines.length, 3);
  assert.ok(lines.every((line) => line.length < 120));
  assert.match(lines[1] as string, /^1 {4}x{100}… {2}ok$/);
  assert.match(lines[2] as string, /^2 {4}two�lines +ok$/);
});

test("each colour of ours reaches the terminal", () => {
  for (const colour of colours) {
    const text = styleText(colour, "word", { validateStream: false });
    assert.ok(text.length > "word".length);
    assert.equal(printableText(text), text);
  }
});

test("bytes(), duration() and count() are short and have a unit", () => {
  assert.deepEqual([0, 1, 999, 1000, 65_536, 1.624e9, 5e15].map(bytes), [
    "0 B",
    "1 B",
    "999 B",
    "1.00 kB",
    "65.5 kB",
    "1.62 GB",
    "5000 TB",
  ]);
  assert.deepEqual([0, 12.34, 345.6, 1234, 61_000].map(duration), ["0.0 ms", "12.3 ms", "346 ms", "1.23 s", "61.0 s"]);
  assert.deepEqual(
    [count(1, "time"), count(2, "time"), count(0, "process", "processes")],
    ["1 time", "2 times", "0 processes"],
  );
});

test("the log is named after the script, or else the program", () => {
  assert.equal(defaultLog(["bun", "src/app.ts", "--port", "1"]), "app.log");
  assert.equal(defaultLog(["/usr/bin/deno", "run", "-A", "main.mjs", "x.ts"]), "main.log");
  assert.equal(defaultLog(["/usr/sbin/nginx", "-g"]), "nginx.log");
});

test("each error has its exit code", () => {
  assert.equal(exitCodeOf(new UsageError("x")), 2);
  assert.equal(exitCodeOf(new DumpRefusedError([])), 3);
  assert.equal(exitCodeOf(new DOMException("x", "AbortError")), 130);
  assert.equal(exitCodeOf(new CriuError("dump", "x")), 1);
  assert.equal(exitCodeOf("x"), 1);
});

test("a label is split at its first '='", () => {
  assert.deepEqual(readLabel("b=c=d", readLabel("a=")), { a: "", b: "c=d" });
  for (const text of ["", "a", "=b"]) assert.throws(() => readLabel(text), /name=value/);
});

test("pagesOf() expects the memory of the process itself, and counts the files of pages only", () => {
  using directory = temporaryDirectory();
  const { total, done } = pagesOf(process.pid, directory.path);
  assert.ok(total > 1_000_000 && total < 100e9, `${total}`);
  assert.equal(done(), 0);
  writeFileSync(join(directory.path, "pages-1.img"), "x".repeat(1000));
  writeFileSync(join(directory.path, "pages-22.img"), "x".repeat(24));
  writeFileSync(join(directory.path, "core-1.img"), "x".repeat(5000));
  assert.equal(done(), 1024);
  assert.equal(pagesOf(4_194_300, join(directory.path, "none")).done(), 0);
});

test("memoryOf() expects the memory in the images, and counts that of the processes below this one", async () => {
  using directory = temporaryDirectory();
  writeImages(directory.path, {});
  const { total, done } = await memoryOf(directory.path);
  assert.equal(total, memoryIn(directory.path));
  assert.ok(total > 0);
  const before = done();
  await using child = startProgram("sleep", ["1000"]);
  assert.ok(child.pid > 0);
  await waitFor("the memory of a child", () => done() > before, 10_000);
  assert.equal((await memoryOf(join(directory.path, "none"))).total, 0);
  chmodSync(directory.path, 0o777);
  assert.equal((await memoryOf(directory.path)).total, 0, "nothing is read of images that others may write");
});

test("cancelOnSignal() aborts on the first signal, and listens no more after disposal", async () => {
  const listeners = process.listenerCount("SIGTERM");
  {
    let asked = 0;
    using cancel = cancelOnSignal({ cancelled: "all is well", left: "nothing" }, () => asked++);
    assert.equal(cancel.signal.aborted, false);
    process.kill(process.pid, "SIGTERM");
    await waitFor("the signal", () => cancel.signal.aborted);
    assert.equal(cancel.signal.reason.name, "AbortError");
    assert.match(cancel.signal.reason.message, /^Cancelled by SIGTERM: all is well\.$/);
    assert.equal(asked, 1);
  }
  assert.equal(process.listenerCount("SIGTERM"), listeners);
});

test("relaySignals() passes on what came before there was a program", async () => {
  await using program = startProgram("sleep", ["60"]);
  const listeners = process.listenerCount("SIGHUP");
  {
    using relay = relaySignals();
    let came = false;
    process.once("SIGHUP", () => {
      came = true;
    });
    process.kill(process.pid, "SIGHUP");
    await waitFor("the signal", () => came);
    relay.passTo(program.pid);
    assert.equal((await program.ended).signal, "SIGHUP");
  }
  assert.equal(process.listenerCount("SIGHUP"), listeners);
});

test("table() shows the first 500 rows, and how many there are beyond", async () => {
  const rows = Array.from({ length: 3000 }, (_, i) => [i, "x"]);
  const lines = (await table(["pid", "name"], rows)).split("\n");
  assert.deepEqual([lines.length, lines.at(-2)], [502, "499  x"]);
  assert.equal(lines.at(-1), "and 2500 more; --json shows all");
  assert.equal((await table(["pid", "name"], rows.slice(0, 500))).split("\n").length, 501);
});

test("relaySignals() passes nothing on to a process that is not its child: the program has ended, and another has its pid", async () => {
  await using parent = startProgram("sh", ["-c", "sleep 60 & echo $!; wait"]);
  const other = Number(await parent.nextLine());
  {
    using relay = relaySignals();
    relay.passTo(other);
    let came = false;
    process.once("SIGHUP", () => {
      came = true;
    });
    process.kill(process.pid, "SIGHUP");
    await waitFor("the signal", () => came);
    await sleep(100);
  }
  assert.notEqual(aliveSince(other), undefined);
  process.kill(other, "SIGKILL");
});

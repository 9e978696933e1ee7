import assert from "node:assert/strict";
import { test } from "node:test";
import { kinds } from "../../../blockers/kinds.ts";
import { causesIn } from "../../../driver/failures/consequences.ts";
import { explain } from "../../../driver/failures/explain.ts";
import { general, rows } from "../../../driver/failures/rows.ts";
import { both, samples } from "../../support/failure_samples.ts";

for (const phase of ["dump", "restore"] as const) {
  for (const [line, meaning] of [...samples[phase], ...both]) {
    test(`${phase}: "${line.trim()}" is explained`, () => {
      const found = explain([line, "Something unknown", "Dumping FAILED."], phase);
      assert.match(found?.meaning ?? "", meaning);
      for (const sentence of [found?.meaning, found?.cure]) assert.match(sentence ?? "", /^[A-Z/].*(\.|setup)$/s);
      assert.doesNotMatch(`${found?.meaning}${found?.cure}`, /\$\d|^=/);
    });
  }
}

test("every row of the table has a line here", () => {
  const lines = { dump: samples.dump, restore: samples.restore, both };
  for (const phase of ["dump", "restore", "both"] as const) {
    const without = rows[phase].filter(([pattern]) => !lines[phase].some(([line]) => pattern.test(line)));
    assert.deepEqual(
      without.map(([pattern]) => String(pattern)),
      [],
    );
  }
  assert.ok(general.every(([pattern]) => both.some(([line]) => pattern.test(line))));
});

test("the first line decides, and what is more exact than general", () => {
  const locks = "Some file locks are hold by dumping tasks!";
  const lines = [locks, "inet: Connected TCP socket, consider using --tcp-established option."];
  assert.deepEqual(explain(lines, "dump")?.options, ["fileLocks"]);
  assert.match(explain(["Can't do something: Operation not permitted", locks], "dump")?.meaning ?? "", /was denied/);
});

test("what is only a consequence of an unknown failure explains nothing", () => {
  const unknown = "pstree: Something that nobody knows";
  const after = ["Restoring FAILED.", "cg: cgroupd: recv req error: No such file or directory"];
  assert.equal(explain([unknown, ...after], "restore"), undefined);
  assert.equal(explain([unknown, "Can't fork for 12: File exists"], "restore"), undefined);
  assert.deepEqual(causesIn([unknown, ...after, unknown]), [unknown]);
});

test("consequences before the cause do not hide it", () => {
  const lines = ["Unable to open fd=5 id=0xb", "12 exited, status=1", "File tmp/data has bad size 11 (expect 6)"];
  assert.match(explain(lines, "restore")?.meaning ?? "", /had 6 bytes/);
});

test("where there is nothing but consequences they are what there is to show", () => {
  assert.deepEqual(causesIn(["Dumping FAILED."]), ["Dumping FAILED."]);
});

test("a line of the other phase, and one that nobody knows, is not explained", () => {
  assert.equal(explain(["Can't fork for 12: File exists"], "dump"), undefined);
  assert.equal(explain(["Connected TCP socket"], "restore"), undefined);
  assert.equal(explain(["Dumping FAILED."], "dump"), undefined);
  assert.equal(explain([], "dump"), undefined);
});

test("what a blocker is cured with, its failure is cured with", () => {
  const { cure, options } = explain(["Some file locks are hold by dumping tasks!"], "dump") ?? {};
  assert.equal(options, kinds.lock.options);
  assert.equal(cure?.toLowerCase(), `${kinds.lock.advice}.`.toLowerCase());
});

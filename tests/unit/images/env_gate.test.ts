import assert from "node:assert/strict";
import { test } from "node:test";
import { readOrEmpty } from "../../../ffi/read_or_empty.ts";
import { changedNames, describeEnvGate, type EnvGate } from "../../../images/identity/env_gate.ts";
import { startProgram } from "../../support/child.ts";
import { waitFor } from "../../support/time.ts";

test("a gate knows the values again that a process was started with, and holds none of them", async () => {
  await using child = startProgram("sleep", ["10"], { GATED: "s3cret", EMPTY: "", OTHER: "x" });
  // A program that has just been started has no environment for a moment.
  await waitFor("its environment", () => readOrEmpty(`/proc/${child.pid}/environ`).includes("s3cret"));
  const gate = describeEnvGate(["GATED", "EMPTY", "MISSING", "GATED"], child.pid) as EnvGate;
  assert.equal(gate.names.length, 3);
  assert.doesNotMatch(JSON.stringify(gate), /s3cret/);
  const same = { GATED: "s3cret", EMPTY: "" };
  assert.deepEqual(changedNames(gate, same), []);
  assert.deepEqual(changedNames(gate, { ...same, MISSING: null, OTHER: "y" }), []);
  assert.deepEqual(changedNames(gate, { ...same, MISSING: "" }), ["MISSING"]);
  assert.deepEqual(changedNames(gate, {}), ["GATED", "EMPTY"]);
  assert.deepEqual(changedNames(gate, { ...same, EMPTY: "x" }), ["EMPTY"]);
  const again = describeEnvGate(["GATED"], child.pid) as EnvGate;
  assert.notEqual(again.names[0]?.digest, gate.names[0]?.digest, "two manifests cannot be compared");
  assert.equal(describeEnvGate([], child.pid), undefined);
});

test("what every object inherits is no variable", async () => {
  await using child = startProgram("sleep", ["10"]);
  const gate = describeEnvGate(["constructor", "__proto__"], child.pid) as EnvGate;
  assert.deepEqual(changedNames(gate, {}), []);
});

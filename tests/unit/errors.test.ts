import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemCallError } from "../../ffi/system_call_error.ts";
import { CheckpointRefusedError, HookTimeoutError, RecoveryError, ResourceError } from "../../lifecycle/errors.ts";
import { NoticeError } from "../../lifecycle/notice.ts";
import * as entry from "../../mod.ts";
import { PageError } from "../../page/errors.ts";

test("CheckpointRefusedError is an AggregateError that says every reason", () => {
  const errors = [new Error("one"), new Error("two")];
  const error = new CheckpointRefusedError("n", errors);
  assert.ok(error instanceof AggregateError);
  assert.deepEqual(error.errors, errors);
  assert.equal(error.message, "Cannot checkpoint: one; two");
  assert.equal(error.name, "CheckpointRefusedError");
  assert.equal(error.noticeId, "n");
});

test("RecoveryError is an AggregateError that says the outcome", () => {
  const error = new RecoveryError("restored", [new Error("one")]);
  assert.ok(error instanceof AggregateError);
  assert.equal(error.message, 'Cannot rebuild everything after "restored": one');
  assert.equal(error.outcome, "restored");
  assert.equal(error.name, "RecoveryError");
});

test("ResourceError names the resource and keeps the cause, whatever was thrown", () => {
  const cause = new TypeError("bad");
  const error = new ResourceError("model", "beforeCheckpoint", cause);
  assert.equal(error.message, "model: bad");
  assert.equal(error.cause, cause);
  assert.deepEqual([error.name, error.resource, error.hook], ["ResourceError", "model", "beforeCheckpoint"]);
  for (const thrown of [undefined, null, 5, "text", Symbol("s"), {}]) {
    assert.equal(new ResourceError("m", "afterRestore", thrown).message, `m: ${String(thrown)}`);
  }
});

test("whatever a hook throws, its reason is one line of at most 500 characters, and all that went wrong in it", () => {
  const hostile = {
    get message() {
      throw new Error("no");
    },
  };
  const cases: [thrown: unknown, reason: string | RegExp][] = [
    [new AggregateError([new Error("one"), new TypeError("two")], "both failed"), "both failed; one; two"],
    [new AggregateError([new Error("one")]), "one"],
    [new Error("cannot close", { cause: new Error("EBUSY") }), "cannot close"],
    [new Error("first line\n    second\r\nthird"), "first line second third"],
    [new Error(""), "Error"],
    [{ message: "not an Error" }, "not an Error"],
    [new Error("x".repeat(1_000_000)), /^x{500}$/],
    [Object.create(null), "an unknown error"],
    [hostile, "an unknown error"],
    [new AggregateError([undefined]), "an unknown error"],
  ];
  for (const [thrown, reason] of cases) {
    const text = new ResourceError("m", "beforeCheckpoint", thrown).message.slice(3);
    if (typeof reason === "string") assert.equal(text, reason);
    else assert.match(text, reason);
  }
});

test("HookTimeoutError rounds its time and says what to do", () => {
  const error = new HookTimeoutError("afterRestore", 9.6);
  assert.match(error.message, /^afterRestore was not done after 10 ms: give the resource/);
  assert.deepEqual([error.name, error.timeoutMs], ["HookTimeoutError", 9.6]);
});

test("SystemCallError names the call and errno, also an errno without a name", () => {
  const error = new SystemCallError("open /x", 2);
  assert.equal(error.message, "Cannot open /x: ENOENT");
  assert.deepEqual([error.name, error.call, error.errno, error.code], ["SystemCallError", "open /x", 2, "ENOENT"]);
  assert.equal(new SystemCallError("x", 12_345).code, "errno 12345");
});

test("PageError and NoticeError keep their cause", () => {
  const cause = new Error("why");
  const error = new PageError(7, "damaged", "Cannot", { cause });
  assert.deepEqual([error.name, error.pid, error.code, error.cause], ["PageError", 7, "damaged", cause]);
  assert.equal(new NoticeError("Cannot", { cause }).cause, cause);
  assert.equal(new NoticeError("Cannot").name, "NoticeError");
});

test("the entry point exports attach() and the errors an app can meet, and nothing else", () => {
  assert.deepEqual(Object.keys(entry).sort(), [
    "CheckpointRefusedError",
    "HookTimeoutError",
    "RecoveryError",
    "ResourceError",
    "SystemCallError",
    "UnsupportedPlatformError",
    "attach",
  ]);
});

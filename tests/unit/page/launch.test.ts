import assert from "node:assert/strict";
import { test } from "node:test";
import { readLaunch } from "../../../page/launch.ts";
import { texts } from "../../../page/layout.ts";
import { openOwnPage } from "../../support/own_page.ts";

test("the app takes what the driver has left, once, and nothing of it stays on the page", async () => {
  using page = await openOwnPage();
  const launch = { env: { A: "é", B: null }, args: ["x"], cwd: "/", values: { key: "value" } };
  assert.deepEqual(page.app.takeLaunch(), {});
  page.driver.leaveLaunch(JSON.stringify(launch));
  assert.deepEqual(page.app.takeLaunch(), launch);
  assert.ok(page.bytes.subarray(texts.launch.at).every((byte) => byte === 0));
  assert.deepEqual(page.app.takeLaunch(), {});
});

test("one that fills its place is read and wiped out as a whole", async () => {
  using page = await openOwnPage();
  const text = JSON.stringify({ values: { key: "x".repeat(texts.launch.bytes - 21) } });
  assert.equal(text.length, texts.launch.bytes);
  page.driver.leaveLaunch(text);
  assert.equal(JSON.stringify(page.app.takeLaunch()), text);
  assert.ok(page.bytes.subarray(texts.launch.at).every((byte) => byte === 0));
});

test("a damaged one is an error that tells nothing of it, and is wiped out as well", async () => {
  using page = await openOwnPage();
  const damaged = [
    "s3cret",
    "null",
    '"s3cret"',
    "[".repeat(100_000),
    '{"env":{"A":5}}',
    '{"env":null}',
    '{"args":"s3cret"}',
    '{"args":{"length":1}}',
    '{"args":[["s3cret"]]}',
    '{"cwd":5}',
    '{"values":{"A":{}}}',
  ];
  for (const text of damaged) {
    page.driver.leaveLaunch(text);
    assert.throws(
      () => page.app.takeLaunch(),
      (error: Error) => error.message === "what the driver handed over is damaged" && error.cause === undefined,
      text.slice(0, 30),
    );
    assert.equal(page.fields.text("launch"), "");
  }
  assert.deepEqual(readLaunch('{"unknown":1}'), { unknown: 1 });
});

test("what is written over something longer leaves nothing of it, and memory that was not used stays so", async () => {
  using page = await openOwnPage();
  page.fields.setText("document", "x".repeat(20_000));
  page.fields.setText("document", "short");
  const { at, bytes } = texts.document;
  assert.ok(page.bytes.subarray(at + 5, at + bytes).every((byte) => byte === 0));
  assert.equal(page.fields.text("document"), "short");
});

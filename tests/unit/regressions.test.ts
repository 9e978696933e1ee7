/** Faults that were found once, and must not come back. */
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { attach } from "../../attach.ts";
import { openLibc } from "../../ffi/libc.ts";
import { readDocument } from "../../page/document.ts";
import { Fields } from "../../page/fields.ts";
import { PAGE_BYTES } from "../../page/layout.ts";
import { register, sharedRegistry } from "../../registry.ts";
import { file } from "../../strategies/file/agent.ts";
import { parseMarker } from "../../strategies/file/marker.ts";
import { encodeRequest } from "../../strategies/socket/protocol.ts";
import { createStage } from "../support/lifecycle_ports.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

async function read(text: string): Promise<unknown> {
  const fields = new Fields(await openLibc(), { address: 0n, buffer: new ArrayBuffer(PAGE_BYTES) });
  fields.setText("document", text);
  return readDocument(fields);
}
const hostile = '{"toString":1,"valueOf":1}';

test("a marker whose id is an object without toString is unknown", () => {
  assert.equal(parseMarker(`{"id":${hostile},"reply":"ready"}`).kind !== undefined, true);
  assert.equal(parseMarker(`{"id":${hostile}}`).kind, "unknown");
  assert.ok(parseMarker(`{"id":"a","reply":"refused","reasons":[${hostile}]}`));
});
test("a document with such members never throws a TypeError", async () => {
  for (const text of [
    `{"runtime":{"name":${hostile}}}`,
    `{"strategies":[{"kind":${hostile}}]}`,
    `{"resources":[${hostile}]}`,
  ])
    await read(text);
});
test("the last round and the names of details are safe to print, without unknown members", async () => {
  const document = (await read(
    JSON.stringify({
      strategies: [{ kind: "x", "\u001b[2J": 1 }],
      lastRound: { id: "\u001b[2J", noticedAt: 1, evil: "\u001b" },
    }),
  )) as object;
  assert.doesNotMatch(JSON.stringify(document), /\\u001b/);
});
test("disposing an old agent twice does not let a second one attach", async () => {
  const first = await attach({ strategies: [] });
  await first[Symbol.asyncDispose]();
  await using second = await attach({ strategies: [] });
  await first[Symbol.asyncDispose]();
  assert.ok(second);
  const third = await attach({ strategies: [] }).catch((error: Error) => error);
  if (!(third instanceof Error)) await third[Symbol.asyncDispose]();
  assert.ok(third instanceof Error);
});
test("a bad resource in the registry is refused where it is registered, and does not break attach()", async () => {
  let registration: Disposable | undefined;
  try {
    registration = register({ name: "" });
  } catch {}
  try {
    const agent = await attach({ strategies: [] });
    await agent[Symbol.asyncDispose]();
  } finally {
    registration?.[Symbol.dispose]();
    sharedRegistry().resources.clear();
  }
});
test("an attach() that failed in the registry leaves no agent there", async () => {
  const r = register({ name: "ok" });
  sharedRegistry().resources.add({ name: "" });
  await attach({ strategies: [] }).then(
    (a) => a[Symbol.asyncDispose](),
    () => {},
  );
  sharedRegistry().resources.clear();
  r[Symbol.dispose]();
  const left = sharedRegistry().agents.size;
  sharedRegistry().agents.clear();
  assert.equal(left, 0);
});
test("a caller whose outcome() throws does not stop the lifecycle", async () => {
  const stage = createStage();
  const rejected: unknown[] = [];
  const on = (e: unknown): void => void rejected.push(e);
  process.on("unhandledRejection", on);
  stage.lifecycle.deliver(
    { id: "a" },
    {
      reply() {},
      outcome() {
        throw new Error("ENOSPC");
      },
    },
  );
  await sleep(20);
  const next = await Promise.race([stage.deliver({ id: "b" }), sleep(200).then(() => "stuck")]);
  process.off("unhandledRejection", on);
  assert.notEqual(next, "stuck");
  assert.equal(rejected.length, 0);
});
test("an onError that throws does not keep afterRestore from running", async () => {
  let after = 0;
  const stage = createStage({
    report: () => {
      throw new Error("user's onError");
    },
  });
  const on = (): void => {};
  process.on("unhandledRejection", on);
  stage.lifecycle.resources.add({
    name: "a",
    beforeCheckpoint: () => {
      throw new Error("no");
    },
    afterRestore: () => void after++,
  });
  await Promise.race([stage.deliver({ id: "a" }), sleep(100)]);
  process.off("unhandledRejection", on);
  assert.equal(after, 1);
  assert.equal(stage.lifecycle.state, "running");
});
test("timeoutMs: Infinity means no limit", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({ name: "a", timeoutMs: Number.POSITIVE_INFINITY, beforeCheckpoint: () => sleep(50) });
  assert.equal((await stage.deliver({ id: "a" })).reply.reply, "ready");
});
test("timeoutMs of a month means a month", async () => {
  const stage = createStage();
  stage.lifecycle.resources.add({ name: "a", timeoutMs: 30 * 86_400_000, beforeCheckpoint: () => sleep(50) });
  assert.equal((await stage.deliver({ id: "a" })).reply.reply, "ready");
});
test("a hook may return any thenable", async () => {
  const stage = createStage();
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
  const thenable = { then: (resolve: () => void) => void setTimeout(resolve, 5) } as unknown as Promise<void>;
  stage.lifecycle.resources.add({ name: "a", beforeCheckpoint: () => thenable });
  assert.equal((await stage.deliver({ id: "a" })).reply.reply, "ready");
});
void writeFileSync;
void encodeRequest;

test("a marker that was taken away is written again by nobody", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  await using agent = await attach({ strategies: [file({ path })], leaseMs: 3 });
  agent.register({ name: "a", afterRestore: () => rmSync(path) });
  writeFileSync(path, "");
  await waitFor("the outcome", () => agent.lastOutcome !== undefined && agent.state === "running");
  assert.equal(existsSync(path), false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import type { PageDocument } from "../../../page/document.ts";
import { readDocument, writeDocument } from "../../../page/document.ts";
import { Fields } from "../../../page/fields.ts";
import { PAGE_BYTES, texts } from "../../../page/layout.ts";
import { openOwnPage } from "../../support/own_page.ts";

async function emptyFields(): Promise<Fields> {
  return new Fields(await openLibc(), { address: 0n, buffer: new ArrayBuffer(PAGE_BYTES) });
}

/** Writes any text as the document. */
function put(fields: Fields, text: string): void {
  fields.setText("document", text);
}

const document: PageDocument = {
  runtime: { name: "bun", version: "1.4.5" },
  strategies: [
    { kind: "signal", signal: 23 },
    { kind: "file", path: "/run/ä" },
  ],
  resources: ["model", "cache"],
  lastRound: {
    id: "a",
    sentAt: 0,
    noticedAt: 1,
    readyAt: 2,
    releasedAt: 3,
    recoveredAt: 4,
    outcome: "restored",
    simulated: false,
  },
};

test("the driver reads the document that the app wrote", async () => {
  using page = await openOwnPage();
  page.app.describe(document);
  assert.deepEqual(page.driver.document(), document);
  const first = { ...document, lastRound: undefined };
  page.app.describe(first);
  assert.deepEqual(page.driver.document(), first);
});

test("a document that is too long loses its resources, and no more", async () => {
  const fields = await emptyFields();
  const resources = Array.from({ length: 2000 }, (_, i) => `resource ${i} ${"x".repeat(30)}`);
  writeDocument(fields, { ...document, resources });
  assert.deepEqual(readDocument(fields), { ...document, resources: [] });
});

test("a document as long as its field keeps its end", async () => {
  const fields = await emptyFields();
  const bare = JSON.stringify({ ...document, resources: [""] }).length + 1;
  const fit = "x".repeat(texts.document.bytes - bare - 1);
  writeDocument(fields, { ...document, resources: [fit] });
  assert.deepEqual(JSON.parse(fields.text("document")).resources, [fit]);
});

test("a document that is being written is not read", async () => {
  const fields = await emptyFields();
  writeDocument(fields, document);
  fields.increment("documentSequence");
  assert.equal(readDocument(fields), undefined);
  fields.increment("documentSequence");
  assert.deepEqual(readDocument(fields), document);
});

test("a document that was rewritten while it was read is not taken", async () => {
  const fields = await emptyFields();
  writeDocument(fields, document);
  const text = fields.text.bind(fields);
  fields.text = (name) => {
    const read = text(name);
    writeDocument(fields, { ...document, resources: [] });
    return read;
  };
  assert.equal(readDocument(fields), undefined);
});

test("what is no document is undefined or empty, never an error", async () => {
  const fields = await emptyFields();
  for (const text of ["", "{", "x", '{"runtime":', "\0"]) {
    put(fields, text);
    assert.equal(readDocument(fields), undefined, text);
  }
  const empty = { runtime: { name: "", version: "" }, strategies: [], resources: [], lastRound: undefined };
  for (const text of ["{}", "null", "5", "[]", '"x"', '{"runtime":5,"strategies":{},"resources":"abc"}']) {
    put(fields, text);
    assert.deepEqual(readDocument(fields), empty, text);
  }
});

test("members of the wrong type become text, or are left out", async () => {
  const fields = await emptyFields();
  put(
    fields,
    JSON.stringify({
      runtime: { name: 5, version: null },
      strategies: [null, 5, { kind: ["x"], path: {}, signal: 5, more: true }],
      resources: [1, null, ["a"], true],
      lastRound: { id: "a", noticedAt: "yesterday" },
    }),
  );
  assert.deepEqual(readDocument(fields), {
    runtime: { name: "5", version: "" },
    strategies: [{ kind: "" }, { kind: "" }, { kind: "", signal: 5 }],
    resources: ["1", "", "", "true"],
    lastRound: undefined,
  });
});

test("a last round must have the right types throughout", async () => {
  const fields = await emptyFields();
  const round = { id: "a", noticedAt: 1 };
  const read = (lastRound: unknown): unknown => {
    put(fields, JSON.stringify({ lastRound }));
    return readDocument(fields)?.lastRound;
  };
  assert.deepEqual(read(round), round);
  for (const bad of [
    { ...round, id: 5 },
    { ...round, noticedAt: null },
    { ...round, sentAt: "1" },
    { ...round, readyAt: {} },
    { ...round, releasedAt: null },
    { ...round, recoveredAt: [] },
    { ...round, outcome: "lost" },
    { id: "a" },
    null,
    5,
  ]) {
    assert.equal(read(bad), undefined, JSON.stringify(bad));
  }
});

test("names and lists of any length are cut, and numbers are finite", async () => {
  const fields = await emptyFields();
  const name = "n".repeat(3000);
  const long = "l".repeat(300);
  const many = Array.from({ length: 5000 }, () => "r");
  const details = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`d${i}`, 1]));
  put(fields, JSON.stringify({ runtime: { name, version: name }, resources: [name, ...many] }));
  const found = readDocument(fields) as PageDocument;
  assert.equal(found.runtime.name.length, 65);
  assert.equal(found.runtime.version.length, 65);
  assert.equal(found.resources.length, 1024);
  assert.equal(found.resources[0]?.length, 257);
  put(
    fields,
    JSON.stringify({ strategies: Array.from({ length: 20 }, () => ({ [long]: long, ...details, kind: long })) }),
  );
  const { strategies } = readDocument(fields) as PageDocument;
  assert.equal(strategies.length, 16);
  assert.ok(JSON.stringify(strategies[0]).length < 1000);
  assert.equal(strategies[0]?.kind.length, 65);
  put(fields, '{"strategies":[{"kind":"x","signal":1e999}],"lastRound":{"id":"a","noticedAt":1e999}}');
  assert.deepEqual(readDocument(fields)?.strategies, [{ kind: "x" }]);
  assert.equal(readDocument(fields)?.lastRound, undefined);
  const path = `/${"p".repeat(4000)}`;
  put(fields, JSON.stringify({ strategies: [{ kind: "file", path }] }));
  assert.equal(readDocument(fields)?.strategies[0]?.path, path);
});

test("that something could not be rebuilt is not lost, whatever stands there", async () => {
  const fields = await emptyFields();
  const errors = [{ resource: "cache", message: "no route" }, { message: "it has ended" }];
  const lastRound = { ...document.lastRound, errors };
  writeDocument(fields, { ...document, lastRound } as PageDocument);
  assert.deepEqual(readDocument(fields)?.lastRound?.errors, errors);
  for (const wrong of [7, "text", null, {}, [null]]) {
    put(fields, JSON.stringify({ ...document, lastRound: { ...lastRound, errors: wrong } }));
    assert.equal(readDocument(fields)?.lastRound?.errors?.length, 1);
  }
  put(
    fields,
    JSON.stringify({ ...document, lastRound: { ...lastRound, errors: [{ resource: "\u001b[31m", message: "\n" }] } }),
  );
  assert.deepEqual(readDocument(fields)?.lastRound?.errors, [{ resource: "\ufffd[31m", message: "\ufffd" }]);
});

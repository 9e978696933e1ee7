/** Who answers in the place of the app, and what is no answer: nobody is held by mistake. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import type { Endpoint } from "../../../page/document.ts";
import { notify } from "../../../strategies/notify.ts";
import { startScript } from "../../support/child.ts";
import { type OwnPage, openOwnPage } from "../../support/own_page.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** A page of this process, which names an endpoint and never says that it is held. */
async function pageWith(...strategies: readonly Endpoint[]): Promise<OwnPage> {
  const page = await openOwnPage();
  page.app.describe({ runtime: { name: "bun", version: "1" }, strategies, resources: [], lastRound: undefined });
  return page;
}

/** A server of this process that answers each request with what `answer` returns for it. */
async function serve(path: string, answer: (request: Record<string, unknown>) => string): Promise<AsyncDisposable> {
  const server: Server = createServer((client) => {
    client.on("error", () => {});
    client.once("data", (data) => client.end(answer(JSON.parse(String(data)))));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test("another process that listens at the socket of a page is told nothing, and the dump is refused", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/socket`;
  await using other = startScript("told_app.ts", "socket", path);
  assert.equal(await other.nextLine(), "attached");
  using page = await pageWith({ kind: "socket", path });
  const reply = await notify(page.driver, { id: "a" }, 5_000);
  assert.equal(reply.reply, "refused");
  assert.match(String(reply.reply === "refused" && reply.reasons), new RegExp(`process ${other.pid} listens there`));
  process.kill(other.pid, "SIGWINCH");
  assert.equal(await other.nextLine(), "told nothing more: running");
});

test("a second app with the same marker is not held for the first one: it is told aborted at once", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  await using other = startScript("told_app.ts", "file", path);
  assert.equal(await other.nextLine(), "attached");
  using page = await pageWith({ kind: "file", path });
  const reply = await notify(page.driver, { id: "a" }, 5_000);
  assert.deepEqual(reply, {
    reply: "refused",
    reasons: ["another process answered in its place by file. Give each app a path of its own"],
  });
  assert.equal(await other.nextLine(), "before");
  assert.equal(await other.nextLine(), "aborted");
});

test("a socket that answers ready is not believed when the page does not say held, and is told aborted", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/socket`;
  const methods: unknown[] = [];
  await using _server = await serve(path, ({ method, params }) => {
    methods.push([method, Object(params).id, Object(params).word]);
    return '{"jsonrpc":"2.0","id":1,"result":{"reply":"ready"}}\n';
  });
  using page = await pageWith({ kind: "socket", path });
  const reply = await notify(page.driver, { id: "a" }, 5_000);
  assert.equal(reply.reply, "refused");
  assert.match(String(reply.reply === "refused" && reply.reasons), /another process answered in its place by socket/);
  assert.deepEqual(methods, [
    ["checkpoint", "a", undefined],
    ["outcome", "a", "aborted"],
  ]);
});

test("a page that is held by another notice is not ready for this one", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/socket`;
  await using _server = await serve(path, () => '{"jsonrpc":"2.0","id":1,"result":{"reply":"ready"}}\n');
  using page = await pageWith({ kind: "socket", path });
  page.app.publish("held", "another", { reply: "ready" }, undefined, 0);
  assert.equal((await notify(page.driver, { id: "a" }, 5_000)).reply, "refused");
});

test("what is no answer is a refusal that says so, and never a crash", async () => {
  const answers = {
    '{"jsonrpc":"2.0","id":1,"result":{"reply":"weird"}}': /Cannot read a reply/,
    '{"jsonrpc":"2.0","id":1,"result":5}': /Cannot read a reply/,
    '{"result":[]}': /Cannot read a reply/,
    '{"result":null}': /Cannot read a reply/,
    "{}": /Cannot read a reply/,
    "5": /Cannot read a reply/,
    null: /Cannot read a reply/,
    "[]": /Cannot read a reply/,
    '"ready"': /Cannot read a reply/,
    "no JSON": /not JSON/,
    '{"error":5}': /it answers with an error/,
    '{"error":{"message":{"toString":1,"valueOf":1}}}': /it answers with an error/,
    '{"error":{"message":"\\u001b[2J"}}': /\ufffd\[2J/,
    '{"result":{"reply":"refused","reasons":5}}': /^$/,
    '{"result":{"reply":"refused","reasons":["\\u202eno"]}}': /^\ufffdno$/,
  };
  for (const [answer, expected] of Object.entries(answers)) {
    using directory = temporaryDirectory();
    const path = `${directory.path}/socket`;
    await using _server = await serve(path, () => `${answer}\n`);
    using page = await pageWith({ kind: "socket", path });
    const reply = await notify(page.driver, { id: "a" }, 5_000);
    assert.equal(reply.reply, "refused", answer);
    if (reply.reply === "refused") assert.match(reply.reasons.join(), expected, answer);
  }
});

test("an answer without an end, and none at all, end with the time", async () => {
  for (const [answer, expected] of [
    ["x".repeat(200_000), /too long/],
    ["", /hung up without an answer/],
  ] as const) {
    using directory = temporaryDirectory();
    const path = `${directory.path}/socket`;
    await using _server = await serve(path, () => answer);
    using page = await pageWith({ kind: "socket", path });
    const reply = await notify(page.driver, { id: "a" }, 2_000);
    assert.match(String(reply.reply === "refused" && reply.reasons), expected);
  }
});

test("a document that is being written is waited for: its app is not taken for one without strategies", async () => {
  using page = await pageWith({ kind: "signal" });
  page.fields.increment("documentSequence");
  const reply = notify(page.driver, { id: "a" }, 5_000);
  setTimeout(() => page.fields.increment("documentSequence"), 20);
  assert.match(JSON.stringify(await reply), /the app takes no notice by signal/);
});

test("a document that is written for ever keeps nobody, and names no strategy", async () => {
  using page = await pageWith({ kind: "signal" });
  page.fields.increment("documentSequence");
  assert.match(JSON.stringify(await notify(page.driver, { id: "a" }, 30)), /its strategies are: none/);
});

test("a path that is not safe to print is not used, for made safe it would be another one", async () => {
  for (const kind of ["file", "socket"]) {
    for (const path of ["/tmp/a\u202eb", "/tmp/two\nlines", `/${"x".repeat(5000)}`]) {
      using page = await pageWith({ kind, path });
      const reply = await notify(page.driver, { id: "a" }, 100);
      assert.match(JSON.stringify(reply), /too long, or has characters that cannot be printed/, path);
    }
  }
});

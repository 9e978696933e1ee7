import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { socket } from "../../../strategies/socket/agent.ts";
import { call } from "../../../strategies/socket/driver.ts";
import { type Attached, attachAt } from "../../support/attached.ts";
import { startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

const attachToSocket = (leaseMs?: number): Promise<Attached> => attachAt((path) => socket({ path }), leaseMs);

/** Sends text as it is, and resolves with all that comes back until the app hangs up. */
function send(path: string, ...texts: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const client: Socket = connect(path, async () => {
      for (const text of texts) {
        client.write(text);
        if (texts.length > 1) await sleep(5);
      }
    });
    client.setEncoding("utf8").on("data", (chunk) => {
      answer += chunk;
    });
    client.on("error", reject);
    client.on("close", () => resolve(answer));
  });
}

const request = (method: string, params?: unknown, id: unknown = 7): string =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`;

async function errorCode(path: string, text: string): Promise<number> {
  const answer = await send(path, text);
  assert.equal(answer.split("\n").length, 2, answer);
  return JSON.parse(answer).error.code;
}

test("status answers what the page shows, with the id of the request", async () => {
  await using attached = await attachToSocket();
  const answer = await send(attached.path, request("status", undefined, "x-1"));
  assert.equal(answer, '{"jsonrpc":"2.0","id":"x-1","result":{"state":"running","generation":0,"outcome":null}}\n');
});

test("checkpoint answers ready before the hold, and status then knows the outcome", async () => {
  await using attached = await attachToSocket();
  assert.deepEqual(await call(attached.path, "checkpoint", { id: "a" }, 5000), { reply: "ready" });
  await waitFor("the outcome", () => attached.agent.lastOutcome === "continued");
  assert.equal((await call(attached.path, "status", undefined, 5000))?.outcome, "continued");
});

test("checkpoint without params is a notice that names nothing", async () => {
  await using attached = await attachToSocket();
  assert.equal(
    await send(attached.path, request("checkpoint")),
    '{"jsonrpc":"2.0","id":7,"result":{"reply":"ready"}}\n',
  );
});

test("checkpoint answers a refusal with every reason", async () => {
  await using attached = await attachToSocket();
  attached.agent.register({ name: "a", beforeCheckpoint: () => Promise.reject(new Error("no")) });
  assert.deepEqual(await call(attached.path, "checkpoint", {}, 5000), { reply: "refused", reasons: ["a: no"] });
});

test("a request that comes in pieces is put together", async () => {
  await using attached = await attachToSocket();
  const text = request("status");
  assert.match(await send(attached.path, text.slice(0, 9), text.slice(9, 30), text.slice(30)), /"state":"running"/);
});

test("a request without an end of line counts when the client has ended", async () => {
  await using attached = await attachToSocket();
  const answer = await new Promise<string>((resolve) => {
    const client = connect({ path: attached.path, allowHalfOpen: true }, () => client.end(request("status").trim()));
    let text = "";
    client.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    client.on("close", () => resolve(text));
    client.on("end", () => client.destroy());
  });
  assert.match(answer, /"state":"running"/);
});

test("of two requests on one connection the first is answered, then it is closed", async () => {
  await using attached = await attachToSocket();
  const answer = await send(attached.path, request("status", undefined, 1) + request("status", undefined, 2));
  assert.equal(JSON.parse(answer).id, 1);
});

test("a method that does not exist, bad params and garbage get the codes of JSON-RPC", async () => {
  await using attached = await attachToSocket();
  const { path, agent } = attached;
  assert.equal(await errorCode(path, request("explode")), -32601);
  assert.equal(await errorCode(path, request("toString")), -32601);
  assert.equal(await errorCode(path, request("checkpoint", { id: "../x" })), -32602);
  assert.equal(await errorCode(path, request("checkpoint", { leaseMs: "long" })), -32602);
  for (const text of [
    "garbage\n",
    "\n",
    "{}\n",
    "null\n",
    "[]\n",
    '{"jsonrpc":"1.0","method":"status"}\n',
    "\0\n",
    "\xff\n",
  ]) {
    assert.equal(await errorCode(path, text), -32600, text);
  }
  assert.equal(agent.lastOutcome, undefined);
});

test("a line that is too long is refused, and the app goes on", async () => {
  await using attached = await attachToSocket();
  const answer = await send(attached.path, "x".repeat(70_000)).catch((error: { code: string }) => error.code);
  assert.ok(answer === "ECONNRESET" || answer === "EPIPE" || JSON.parse(answer).error.code === -32600, answer);
  assert.match(await send(attached.path, request("status")), /"state":"running"/);
});

test("a client that says nothing and goes leaves no descriptor", async () => {
  await using attached = await attachToSocket();
  await send(attached.path, request("status"));
  const before = countDescriptors(/socket/);
  for (let i = 0; i < 20; i++) {
    const client = connect(attached.path, () => client.destroy());
    await new Promise((resolve) => client.on("close", resolve));
  }
  await waitFor("the descriptors", () => countDescriptors(/socket/) <= before);
});

test("outcome, when nobody is held, is answered with null", async () => {
  await using attached = await attachToSocket();
  assert.equal(await call(attached.path, "outcome", { id: "a", word: "continued" }, 5000), null);
  assert.equal(attached.agent.lastOutcome, undefined);
});

test("one who waits idle is hung up on before the app is held, so that CRIU can dump it", async () => {
  await using attached = await attachToSocket(50);
  const idle = send(attached.path, '{"half":');
  await sleep(20);
  assert.deepEqual(await call(attached.path, "checkpoint", { id: "a" }, 5000), { reply: "ready" });
  const answer = JSON.parse(await idle);
  assert.equal(answer.error.code, -32000);
  assert.match(answer.error.message, /busy with the checkpoint a/);
});

test("two who ask for the same checkpoint both get the reply", async () => {
  await using attached = await attachToSocket();
  attached.agent.register({ name: "a", beforeCheckpoint: () => sleep(30) });
  const replies = await Promise.all([1, 2].map(() => call(attached.path, "checkpoint", { id: "same" }, 5000)));
  assert.deepEqual(replies, [{ reply: "ready" }, { reply: "ready" }]);
});

test("a driver notifies by socket, and its word on it ends the hold", async () => {
  await using _attached = await attachToSocket(20_000);
  for (const word of ["aborted", "continued", "simulated"]) {
    await using driver = startScript("driver.ts", process.pid, "socket", word, JSON.stringify({ id: `s-${word}` }));
    const { stdout, stderr } = await driver.ended;
    const [reply, ended] = stdout.split("\n");
    assert.equal(reply, '{"reply":"ready"}', stderr);
    const outcome = word === "simulated" ? "restored" : word;
    assert.equal(JSON.parse(ended as string).outcome, outcome);
  }
});

test("the socket is private, named on the page, and gone after disposal", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  {
    await using _agent = await attach({ strategies: [socket({ path })] });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    using page = await DriverPage.open(process.pid);
    assert.deepEqual(page.document()?.strategies, [{ kind: "socket", path }]);
  }
  assert.equal(existsSync(path), false);
});

test("without a path it listens on a new name in the directory for temporary files", async () => {
  await using _agent = await attach({ strategies: [socket()] });
  using page = await DriverPage.open(process.pid);
  const path = String(page.document()?.strategies[0]?.path);
  assert.match(path, new RegExp(`/criu-aware-${process.pid}-[0-9a-f]{8}\\.sock$`));
  assert.match(await send(path, request("status")), /running/);
});

test("call() rejects when nobody listens, and says what the app answered wrong", async () => {
  await assert.rejects(call("/no/such", "status", undefined, 1000), /Cannot call status on the app's socket: .*ENOENT/);
  await using attached = await attachToSocket();
  await assert.rejects(call(attached.path, "checkpoint", { id: "" }, 1000), /Cannot read a notice: `id` must be/);
});

test("call() resolves with undefined when no answer comes in time", async () => {
  await using attached = await attachToSocket();
  attached.agent.register({ name: "slow", beforeCheckpoint: () => sleep(150) });
  assert.equal(await call(attached.path, "checkpoint", { id: "slow" }, 30), undefined);
  await waitFor("the end", () => attached.agent.lastOutcome !== undefined);
});

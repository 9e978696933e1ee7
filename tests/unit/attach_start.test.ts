/** From when on notices count: not before the program had its chance to register. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { attach } from "../../attach.ts";
import { file } from "../../strategies/file/agent.ts";
import { signal } from "../../strategies/signal/agent.ts";
import { socket } from "../../strategies/socket/agent.ts";
import type { AgentContext, Strategy } from "../../strategies/strategy.ts";
import { signalSelf } from "../support/calls.ts";
import { startScript } from "../support/child.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { turns, waitFor } from "../support/time.ts";

const SIGURG = 23;

/** A strategy whose `start` is told how to bring a notice, before anybody could register. */
const early = (start: (context: AgentContext) => void): Strategy => ({
  kind: "early",
  start(context) {
    start(context);
    return { endpoint: { kind: "early" }, look() {}, [Symbol.dispose]() {} };
  },
});

test("a notice that comes before attach() has resolved waits for what is registered right after it", async () => {
  const log: string[] = [];
  const first = early(({ deliver }) => deliver({ id: "a" }, { reply: ({ reply }) => void log.push(reply) }));
  await using agent = await attach({ strategies: [first], leaseMs: 2 });
  await Promise.resolve().then(() => Promise.resolve());
  agent.register({ name: "late", beforeCheckpoint: () => void log.push("asked") });
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  assert.deepEqual(log, ["asked", "ready"]);
});

test("what waits keeps its order, and what comes after the first turn is worked on at once", async () => {
  const ids: string[] = [];
  let context: AgentContext | undefined;
  const several = early((given) => {
    context = given;
    for (const id of ["a", "b"]) given.deliver({ id }, { reply() {} });
  });
  await using agent = await attach({ strategies: [several], leaseMs: 2 });
  agent.register({ name: "late", afterRestore: ({ noticeId }) => void ids.push(noticeId) });
  await waitFor("both", () => ids.length === 2 && agent.state === "running");
  context?.deliver({ id: "c" }, { reply: () => void ids.push("c ready") });
  assert.deepEqual(ids, ["a", "b", "c ready", "c"]);
});

test("with the option `resources` notices count at once, and are taken by those", async () => {
  const log: string[] = [];
  const first = early(({ deliver }) => deliver({ id: "a" }, { reply: ({ reply }) => void log.push(reply) }));
  const resource = { name: "given", beforeCheckpoint: () => void log.push("asked") };
  await using agent = await attach({ strategies: [first], resources: [resource], leaseMs: 2 });
  assert.deepEqual(log, ["asked", "ready"]);
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  await assert.rejects(async () => agent.register(resource), TypeError);
});

test("a resource that cannot be registered rejects attach(), and attach() works again", async () => {
  const resource = { name: "twice" };
  await assert.rejects(attach({ strategies: [], resources: [resource, resource] }), TypeError);
  await (await attach({ strategies: [], resources: [resource] }))[Symbol.asyncDispose]();
});

test("what waits is dropped when the agent is disposed before its turn", async () => {
  const log: string[] = [];
  const first = early(({ deliver }) => deliver({ id: "a" }, { reply: ({ reply }) => void log.push(reply) }));
  await (await attach({ strategies: [first], leaseMs: 2 }))[Symbol.asyncDispose]();
  await turns();
  assert.deepEqual(log, []);
});

test("a marker, a signal and a connection that are there before the first register() ask its hook", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/here`;
  const request = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "checkpoint" })}\n`;
  const kinds: Record<string, readonly [strategy: Strategy, notice: () => unknown]> = {
    file: [file({ path }), () => writeFileSync(path, "")],
    signal: [signal({ bareLeaseMs: 2 }), () => signalSelf(SIGURG)],
    socket: [
      socket({ path: `${path}.sock` }),
      () => {
        const client = connect(`${path}.sock`, () => client.write(request));
      },
    ],
  };
  for (const [kind, [strategy, notice]] of Object.entries(kinds)) {
    const started = strategy.start;
    const notified: Strategy = {
      kind,
      start(context) {
        if (kind === "file") notice();
        const listener = started(context);
        if (kind !== "file") notice();
        return listener;
      },
    };
    let asked = 0;
    await using agent = await attach({ strategies: [notified], leaseMs: 2 });
    agent.register({ name: kind, beforeCheckpoint: () => void asked++ });
    await waitFor(`the outcome by ${kind}`, () => agent.lastOutcome !== undefined);
    assert.equal(asked, 1, kind);
  }
});

test("at the top level of a program too, what is registered after `await attach()` is asked", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, "");
  await using app = startScript("early_app.ts", "file", path, 2);
  const { stdout, stderr } = await app.ended;
  assert.equal(stdout, "attached\nasked\ntold\n", stderr);
});

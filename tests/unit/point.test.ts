/** A point of the app's own: it prepares, says that it is ready, and holds until somebody comes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import type { Agent, AttachOptions } from "../../agent.ts";
import { attach } from "../../attach.ts";
import { CheckpointRefusedError } from "../../lifecycle/errors.ts";
import { file } from "../../strategies/file/agent.ts";
import { signal } from "../../strategies/signal/agent.ts";
import { socket } from "../../strategies/socket/agent.ts";
import { call } from "../../strategies/socket/driver.ts";
import { startScript } from "../support/child.ts";
import { recorder } from "../support/lifecycle_ports.ts";
import { openFields } from "../support/own_page.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

interface Scene extends AsyncDisposable {
  readonly agent: Agent;
  readonly log: string[];
  readonly marker: string;
  readonly socketPath: string;
}

/** An agent with all strategies, and a resource that writes its hooks down. */
async function startScene(options: Partial<AttachOptions> = {}): Promise<Scene> {
  const directory = temporaryDirectory();
  const [marker, socketPath] = [`${directory.path}/marker`, `${directory.path}/socket`];
  const strategies = [signal(), socket({ path: socketPath }), file({ path: marker })];
  const agent = await attach({ strategies, leaseMs: 20_000, onError: () => {}, ...options });
  const log: string[] = [];
  agent.register(recorder(log, "a", { afterRestore: ({ outcome }) => void log.push(`after ${outcome}`) }));
  return {
    agent,
    log,
    marker,
    socketPath,
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what a test looks at
const json = (text: string): any => JSON.parse(text);

test("when nobody comes within its time the outcome is aborted, and everything is rebuilt", async () => {
  await using scene = await startScene();
  const { agent, log } = scene;
  // One that lost its CPU at the wrong moment cannot rule out a dump.
  let outcome = "continued";
  for (let i = 0; i < 50 && outcome === "continued"; i++) outcome = await agent.point({ timeoutMs: 5 });
  assert.equal(outcome, "aborted");
  assert.deepEqual(log.slice(-2), ["before a", "after aborted"]);
  assert.deepEqual([agent.state, agent.lastOutcome, agent.generation], ["running", "aborted", 0]);
  using page = await openFields();
  assert.equal(page.fields.get("point"), 0);
});

for (const strategy of ["signal", "socket", "file"]) {
  for (const word of ["continued", "simulated"]) {
    test(`a notice by ${strategy} finds the app ready, and its word "${word}" is the outcome`, async () => {
      await using scene = await startScene();
      await using driver = startScript("point_driver.ts", process.pid, strategy, word);
      await driver.nextLine();
      const outcome = await scene.agent.point();
      assert.equal(outcome, word === "simulated" ? "restored" : word);
      assert.deepEqual(json(await driver.nextLine()), { state: "held", reply: "ready" });
      assert.deepEqual(json(await driver.nextLine()), { reply: "ready", point: "taken", activeId: "taker" });
      assert.deepEqual(scene.log, ["before a", `after ${outcome}`]);
      assert.equal((await driver.ended).code, 0);
    });
  }
}

for (const way of ["page", "socket", "file"]) {
  test(`a word by ${way} for the point itself ends it`, async () => {
    await using scene = await startScene();
    await using driver = startScript("point_driver.ts", process.pid, `${way} word`, "aborted");
    await driver.nextLine();
    assert.equal(await scene.agent.point(), "aborted");
    assert.deepEqual(scene.log, ["before a", "after aborted"]);
    assert.equal((await driver.ended).code, 0);
  });
}

test("the marker says ready at the point, and the outcome afterwards", async () => {
  await using scene = await startScene();
  const { agent, marker } = scene;
  const seen: unknown[] = [];
  agent.register({
    name: "reader",
    tier: "runtime",
    afterRestore: () => void seen.push(json(readFileSync(marker, "utf8"))),
  });
  const outcome = await agent.point({ timeoutMs: 2 });
  const { id } = json(readFileSync(marker, "utf8")) as { id: string };
  assert.deepEqual(seen, [{ id, reply: "ready" }]);
  assert.deepEqual(json(readFileSync(marker, "utf8")), { id, outcome });
});

test("a client that waits on the socket learns that the app is at its point, and one that has hung up does no harm", async () => {
  await using scene = await startScene();
  const line = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "point" })}\n`;
  await new Promise<void>((resolve) => {
    const gone = connect(scene.socketPath, () => gone.write(line, () => gone.destroy())).once("close", () => resolve());
  });
  const waiting = call(scene.socketPath, "point", {}, 5000);
  await sleep(30);
  await scene.agent.point({ timeoutMs: 2 });
  const answer = await waiting;
  assert.equal(answer?.reply, "ready");
  assert.match(String(answer?.id), /^[0-9a-f-]{36}$/);
});

test("whoever asks on the socket for the point while the app is there is told at once", async () => {
  await using scene = await startScene();
  await using driver = startScript("point_driver.ts", process.pid, "call", "point");
  await driver.nextLine();
  assert.equal(await scene.agent.point(), "aborted");
  await driver.nextLine();
  assert.match(await driver.nextLine(), /"reply":"ready"/);
});

test("a client that waits for a point is told that the app is busy with another checkpoint", async () => {
  await using scene = await startScene();
  const waiting = call(scene.socketPath, "point", {}, 5000);
  const failed = assert.rejects(waiting, /busy with the checkpoint other/);
  await sleep(30);
  scene.agent.deliver({ id: "other", leaseMs: 2 }, { reply() {} });
  await failed;
  await waitFor("its end", () => scene.agent.state === "running");
});

test("a notice that comes while the app prepares for its point finds it there, and no hook runs twice", async () => {
  await using scene = await startScene();
  const { agent, log } = scene;
  agent.register({ name: "slow", beforeCheckpoint: () => sleep(20) });
  const point = agent.point();
  agent.deliver({ id: "x", leaseMs: 3 }, recordingReply(log));
  assert.equal(await point, "continued");
  assert.deepEqual(log, ["before a", "ready", "after continued"]);
});

test("a notice that was there before the first turn finds the app at its point", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, JSON.stringify({ id: "early", leaseMs: 3 }));
  await using agent = await attach({ strategies: [file({ path })] });
  let asked = 0;
  agent.register({ name: "a", beforeCheckpoint: () => void asked++ });
  assert.equal(await agent.point(), "continued");
  assert.equal(asked, 1);
  assert.deepEqual(json(readFileSync(path, "utf8")), { id: "early", outcome: "continued" });
});

test("a notice that is void, or withdrawn, leaves the app at its point", async () => {
  await using scene = await startScene();
  const { agent, log } = scene;
  agent.register({ name: "slow", beforeCheckpoint: () => sleep(5) });
  const point = agent.point({ timeoutMs: 5 });
  agent.deliver({ id: "late", deadline: 1 }, recordingReply(log));
  agent.deliver({ id: "gone" }, { ...recordingReply(log), isGone: () => true });
  await point;
  assert.ok(!log.includes("ready"), String(log));
});

test("both hooks see the id of the point, and the page that of the notice", async () => {
  await using scene = await startScene();
  const ids: string[] = [];
  const note = ({ noticeId }: { noticeId: string }): void => void ids.push(noticeId);
  scene.agent.register({ name: "ids", beforeCheckpoint: note, afterRestore: note });
  await using driver = startScript("point_driver.ts", process.pid, "signal", "continued");
  await driver.nextLine();
  await scene.agent.point();
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
  using page = await openFields();
  assert.equal(json(page.fields.text("document")).lastRound.id, "taker");
});

test("a hook that refuses rejects the point with every reason, and the app goes on", async () => {
  await using scene = await startScene();
  const { agent, log, marker } = scene;
  const failing = agent.register({
    name: "failing",
    beforeCheckpoint: () => {
      throw new Error("not now");
    },
  });
  await assert.rejects(agent.point(), (error: Error) => {
    assert.ok(error instanceof CheckpointRefusedError);
    assert.match(error.message, /failing: not now/);
    return true;
  });
  assert.deepEqual(log, ["before a", "after aborted"]);
  assert.equal(json(readFileSync(marker, "utf8")).outcome, "aborted");
  failing[Symbol.dispose]();
  await agent.point({ timeoutMs: 1 });
});

test("a second point, one in a hook, one during a checkpoint, and one of an agent that was disposed say why they cannot be", async () => {
  const scene = await startScene();
  const { agent } = scene;
  const inside: unknown[] = [];
  agent.register({
    name: "asking",
    async beforeCheckpoint() {
      await sleep(2);
      await agent.point().catch((error) => inside.push(error.message));
    },
  });
  const first = agent.point({ timeoutMs: 1 });
  await assert.rejects(agent.point(), /another checkpoint is under way/);
  await first;
  assert.match(String(inside[0]), /another checkpoint is under way/);
  agent.deliver({ id: "other", leaseMs: 1 }, { reply() {} });
  await assert.rejects(agent.point(), /another checkpoint is under way/);
  await waitFor("its end", () => agent.state === "running");
  await assert.rejects(agent.point({ timeoutMs: -1 }), RangeError);
  await scene[Symbol.asyncDispose]();
  await assert.rejects(agent.point(), /the agent was disposed/);
});

test("a signal gives up while resources prepare, and the app goes on", async () => {
  await using scene = await startScene();
  const { agent, log } = scene;
  await assert.rejects(agent.point({ signal: AbortSignal.abort(new Error("early")) }), /early/);
  assert.deepEqual(log, []);
  const controller = new AbortController();
  agent.register({ name: "slow", beforeCheckpoint: () => controller.abort(new Error("too slow")) });
  await assert.rejects(agent.point({ signal: controller.signal }), /^Error: too slow$/);
  assert.deepEqual(log, ["before a", "after aborted"]);
});

test("a point that follows another at once is one of its own", async () => {
  await using scene = await startScene();
  for (let i = 0; i < 5; i++) await scene.agent.point({ timeoutMs: 1 });
  assert.equal(scene.log.length, 10);
  assert.ok(existsSync(scene.marker));
});

function recordingReply(log: string[]): { reply(reply: { reply: string }): void } {
  return { reply: ({ reply }) => void log.push(reply) };
}

/** Clients that do not behave: they must neither exhaust the app's descriptors, nor keep a dump from happening, nor hold the app. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { socket } from "../../../strategies/socket/agent.ts";
import { call } from "../../../strategies/socket/driver.ts";
import { attachAt } from "../../support/attached.ts";
import { startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

test("of a thousand who connect and say nothing only some are kept, and others are served", async () => {
  await using attached = await attachAt((path) => socket({ path }));
  const { agent, path } = attached;
  // In Bun the pipes of a child are sockets too.
  const before = countDescriptors(/socket/) + 2;
  await using clients = startScript("silent_clients.ts", path, 1000);
  await clients.nextLine();
  assert.equal((await call(path, "status", undefined, 5000))?.state, "running");
  assert.ok(countDescriptors(/socket/) <= before + 33, `${countDescriptors(/socket/) - before} more descriptors`);
  assert.deepEqual(await call(path, "checkpoint", { id: "a" }, 5000), { reply: "ready" });
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
  // They were hung up on before the app was held.
  await waitFor("the descriptors", () => countDescriptors(/socket/) <= before);
});

test("one who has asked is not hung up on for those who say nothing", async () => {
  await using attached = await attachAt((path) => socket({ path }));
  attached.agent.register({ name: "slow", beforeCheckpoint: () => sleep(300) });
  const asked = call(attached.path, "checkpoint", { id: "a" }, 10_000);
  await waitFor("the hook", () => attached.agent.state === "preparing");
  await using clients = startScript("silent_clients.ts", attached.path, 100);
  await clients.nextLine();
  assert.deepEqual(await asked, { reply: "ready" });
});

test("one who connects while the app is held and says nothing is hung up on", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  await using app = startScript("early_app.ts", "socket", path, 3000);
  assert.equal(await app.nextLine(), "attached");
  assert.deepEqual(await call(path, "checkpoint", { id: "a" }, 5000), { reply: "ready" });
  const began = performance.now();
  const text = await new Promise<string>((resolve) => {
    let answer = "";
    const client = connect(path);
    client.setEncoding("utf8").on("data", (chunk) => {
      answer += chunk;
    });
    client.on("close", () => resolve(answer));
  });
  assert.match(text, /busy with the checkpoint a/);
  assert.ok(performance.now() - began < 2900, "it was hung up on only once the hold was over");
});

test("one who asks and goes before the answer holds nobody", async () => {
  const errors: Error[] = [];
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  await using agent = await attach({
    strategies: [socket({ path })],
    leaseMs: 60_000,
    onError: (error) => void errors.push(error),
  });
  agent.register({ name: "slow", beforeCheckpoint: () => sleep(50) });
  assert.equal(await call(path, "checkpoint", { id: "a" }, 20), undefined);
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  assert.equal(agent.lastOutcome, "aborted");
  assert.match((errors[0] as Error).message, /the one who asked by socket has gone/);
});

test("one who asks and never reads holds the app no longer than its lease", async () => {
  await using attached = await attachAt((path) => socket({ path }), 60_000);
  const { agent, path } = attached;
  const client = connect(path);
  client.on("error", () => {});
  const params = { id: "silent", leaseMs: 30 };
  client.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "checkpoint", params })}\n`);
  await waitFor("the outcome", () => agent.lastOutcome === "continued" && agent.state === "running");
  assert.equal((await call(path, "status", undefined, 5000))?.outcome, "continued");
  client.destroy();
});

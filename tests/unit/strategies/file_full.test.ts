/** A reply that cannot be put: the disk is full. The app must not be held for nothing, and must hear the next notice. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Agent } from "../../../agent.ts";
import { attach } from "../../../attach.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { file } from "../../../strategies/file/agent.ts";
import { notify } from "../../../strategies/notify.ts";
import { type SmallDisk, noDisk as skip, smallDisk } from "../../support/small_disk.ts";
import { sleep, waitFor } from "../../support/time.ts";

/** Attaches to a marker on a full disk; `hooks` counts the rounds. */
async function attachAt(path: string): Promise<{ agent: Agent; hooks: string[]; errors: Error[] }> {
  const hooks: string[] = [];
  const errors: Error[] = [];
  const agent = await attach({
    strategies: [file({ path })],
    leaseMs: 60_000,
    onError: (error) => void errors.push(error),
  });
  agent.register({
    name: "a",
    beforeCheckpoint: () => void hooks.push("before"),
    afterRestore: ({ outcome }) => void hooks.push(outcome),
  });
  return { agent, hooks, errors };
}

test("on a full disk the app is not held, says why, leaves nothing, and hears the next notice", { skip }, async () => {
  using disk = smallDisk(4) as SmallDisk;
  const path = `${disk.path}/marker`;
  const { agent, hooks, errors } = await attachAt(path);
  await using _agent = agent;
  for (let round = 1; round <= 3; round++) {
    disk.fill();
    // An empty file takes no page.
    writeFileSync(path, "");
    await waitFor("the refusal", () => errors.length === round && agent.state === "running");
    assert.match((errors.at(-1) as Error).message, /Cannot write .*: ENOSPC/);
    assert.deepEqual(hooks.splice(0), ["before", "aborted"]);
    // What was left lies there, and is not taken again for what else happens in its directory.
    assert.equal(readFileSync(path, "utf8"), "");
    disk.drain();
    writeFileSync(`${disk.path}/other`, "");
    await sleep(20);
    assert.deepEqual(readdirSync(disk.path).sort(), ["marker", "other"]);
    assert.deepEqual(hooks, []);
  }
  writeFileSync(path, '{"id":"room","leaseMs":2}');
  await waitFor("the outcome", () => agent.lastOutcome === "continued" && agent.state === "running");
  await waitFor("its marker", () => readFileSync(path, "utf8").includes('"continued"'));
  assert.deepEqual(readdirSync(disk.path).sort(), ["marker", "other"]);
});

test("a driver learns the refusal from the page when the disk has no room for it", { skip }, async () => {
  using disk = smallDisk(4) as SmallDisk;
  const path = `${disk.path}/marker`;
  const { agent } = await attachAt(path);
  await using _agent = agent;
  using page = await DriverPage.open(process.pid);
  agent.register({ name: "fills", beforeCheckpoint: () => disk.fill() });
  const reply = await notify(page, { id: "x" }, 5000, "file");
  assert.equal(reply.reply, "refused");
  assert.match(String(reply.reply === "refused" && reply.reasons), /ENOSPC/);
});

test("a driver that finds no room for its notice says so, and leaves nothing", { skip }, async () => {
  using disk = smallDisk(4) as SmallDisk;
  const { agent, hooks } = await attachAt(`${disk.path}/marker`);
  await using _agent = agent;
  using page = await DriverPage.open(process.pid);
  disk.fill();
  const reply = await notify(page, { id: "x" }, 5000, "file");
  assert.match(String(reply.reply === "refused" && reply.reasons), /Cannot write .*: ENOSPC/);
  assert.deepEqual(readdirSync(disk.path), ["filler"]);
  assert.deepEqual(hooks, []);
});

test("a disk that is read-only is said when the app attaches", { skip }, async () => {
  using disk = smallDisk(4) as SmallDisk;
  disk.setReadOnly(true);
  await assert.rejects(
    attach({ strategies: [file({ path: `${disk.path}/marker` })] }),
    /the app cannot write there \(EROFS\)/,
  );
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { listAttached } from "../../../driver/status.ts";
import { timeOffsets } from "../../../ffi/process.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { notify } from "../../../strategies/notify.ts";
import { passive } from "../../../strategies/passive/agent.ts";
import { signal } from "../../../strategies/signal/agent.ts";
import type { Strategy } from "../../../strategies/strategy.ts";
import { startProgram, startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, turns, waitFor } from "../../support/time.ts";

const skip = process.geteuid?.() !== 0 && "not root";

/** A strategy that finds a restore when `restores` has one. */
function finder(restores: number[]): Strategy {
  return {
    kind: "finder",
    start: () => ({
      endpoint: { kind: "finder" },
      look() {},
      findRestore: () => restores.shift(),
      [Symbol.dispose]() {},
    }),
  };
}

test("a time that is none is refused, and Infinity sets no timer", async () => {
  for (const intervalMs of [Number.NaN, -1]) assert.throws(() => passive({ intervalMs }), { name: "RangeError" });
  await using _agent = await attach({ strategies: [passive({ intervalMs: Number.POSITIVE_INFINITY })] });
});

test("it takes no notice, which a driver says, and status shows it", async () => {
  await using agent = await attach({ strategies: [passive()] });
  using page = await DriverPage.open(process.pid);
  const answer = await notify(page, { id: "n" }, 1000);
  assert.deepEqual(answer, {
    reply: "refused",
    reasons: ["it does not take notices by signal, socket, file; its strategies are: passive"],
  });
  const [found] = await listAttached([process.pid]);
  assert.deepEqual([found?.strategies, found?.deaf, agent.state], [["passive"], [], "running"]);
});

test("check() says nothing of a life that goes on, nor before attach() and after disposal", async () => {
  const restores = passive({ intervalMs: 2 });
  assert.equal(restores.check(), false);
  const before = countDescriptors(/./);
  const agent = await attach({ strategies: [restores] });
  assert.equal(restores.check(), false);
  await sleep(20);
  await agent[Symbol.asyncDispose]();
  assert.deepEqual([restores.check(), agent.generation, countDescriptors(/./)], [false, 0, before]);
});

test("its timer does not keep the process alive", async () => {
  await using child = startScript("idle_passive.ts");
  const { code, stdout } = await child.ended;
  assert.deepEqual([code, stdout], [0, "attached\n"]);
});

test("a restore is told once, whoever has found it, and by as many as look; a played one is not", async () => {
  const found: number[] = [];
  const log: string[] = [];
  const restores = passive({
    intervalMs: 2,
    onRestore: ({ generation }) => log.push(`${generation} ${agent.state} ${agent.lastOutcome}`),
  });
  const agent = await attach({ strategies: [signal(), finder(found), finder(found), restores] });
  await using _ = agent;
  agent.register({ name: "a", afterRestore: ({ outcome, unprepared }) => void log.push(`${outcome} ${unprepared}`) });
  found.push(1000, 2000);
  assert.equal(restores.check(), true);
  assert.equal(restores.check(), false);
  await waitFor("the event", () => log.length === 2);
  await sleep(10);
  assert.deepEqual(log, ["restored true", "1 running restored"]);
  assert.deepEqual([agent.generation, agent.restoredAt], [1, 1000]);

  agent.deliver({ id: "played" }, { reply() {}, hold: () => ({ outcome: "restored", simulated: true }) });
  await waitFor("the outcome", () => log.length === 3 && agent.state === "running");
  await turns();
  assert.deepEqual(log.slice(2), ["restored false"]);
});

test("a time namespace that a process makes for its children is no restore", {
  skip: skip || (timeOffsets() === "" && "this kernel has no time namespaces"),
}, async () => {
  await using child = startScript("children_in_time.ts");
  assert.deepEqual(JSON.parse(await child.nextLine()), { offsetsChanged: true, checked: false, generation: 0 });
});

test("a process that finds itself in another boot was restored; without a descriptor it finds that out when it has one again", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const bootId = join(directory.path, "boot_id");
  writeFileSync(bootId, "00000000-0000-0000-0000-000000000000\n");
  const runtime = "Deno" in globalThis ? "deno" : "bun";
  const app = join(import.meta.dirname as string, "../../support/passive_app.ts");
  await using child = startProgram("unshare", ["--mount", ...runCommand[runtime], app, '{"intervalMs":5}']);
  const event = async (): Promise<Record<string, unknown>> => JSON.parse(await child.nextLine());
  assert.equal((await event()).event, "attached");
  const run = (...command: [string, ...string[]]): void => {
    const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  };
  run("prlimit", "--pid", String(child.pid), "--nofile=3:");
  run("nsenter", "-t", String(child.pid), "--mount", "mount", "--bind", bootId, "/proc/sys/kernel/random/boot_id");
  await sleep(50);
  run("prlimit", "--pid", String(child.pid), "--nofile=1024:");
  const told = [await event(), await event(), await event()];
  assert.deepEqual(
    told.map(({ event, name, generation }) => [event, name, generation]),
    [
      ["after", "first", 1],
      ["after", "second", 1],
      ["restore", undefined, 1],
    ],
  );
  process.kill(child.pid, "SIGWINCH");
  assert.deepEqual((await event()).event, "tick");
});

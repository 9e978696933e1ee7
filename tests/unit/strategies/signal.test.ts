import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { listAttached } from "../../../driver/status.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { notify } from "../../../strategies/notify.ts";
import { signal } from "../../../strategies/signal/agent.ts";
import { socket } from "../../../strategies/socket/agent.ts";
import { openBell } from "../../support/bell.ts";
import { forgeSignal, resetSignal, signalSelf } from "../../support/calls.ts";
import { runShell, startProgram, startScript } from "../../support/child.ts";
import { runCli } from "../../support/cli.ts";
import { openFields, openOwnPage } from "../../support/own_page.ts";
import { threadId } from "../../support/process_id.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

const isDeno = "Deno" in globalThis;

test("SIGPWR is refused in Bun, whose engine needs it, and works in Deno", async () => {
  const attached = attach({ strategies: [signal({ signal: "SIGPWR" })] });
  if (isDeno) return void (await (await attached)[Symbol.asyncDispose]());
  await assert.rejects(attached, /Cannot use signal 30 for notices: .* Use SIGURG/);
});

test("SIGUSR1 warns in Deno, whose inspector it opens, and in Bun it does not", async () => {
  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (message: string) => void warnings.push(message);
  try {
    await using _agent = await attach({ strategies: [signal({ signal: "SIGUSR1" })] });
  } finally {
    console.warn = warn;
  }
  assert.equal(warnings.length, isDeno ? 1 : 0);
  if (isDeno) assert.match(warnings[0] as string, /SIGUSR1 also opens Deno's inspector/);
});

test("signal() throws at once for a signal that cannot be used", () => {
  for (const bad of ["SIGKILL", "SIGRTMIN+99", 9, 0] as const) assert.throws(() => signal({ signal: bad }), RangeError);
  for (const bad of [-1, Number.NaN])
    assert.throws(() => signal({ bareLeaseMs: bad }), /bareLeaseMs must be a number of/);
});

test("any signal that is allowed can be the notice", async () => {
  for (const name of ["SIGUSR2", "SIGRTMIN+7", 50] as const) {
    await using agent = await attach({ strategies: [signal({ signal: name, bareLeaseMs: 2 })] });
    using page = await DriverPage.open(process.pid);
    await signalSelf(23);
    await sleep(20);
    assert.equal(agent.lastOutcome, undefined);
    await signalSelf(page.noticeSignal as number);
    await waitFor("the outcome", () => agent.lastOutcome === "continued");
  }
});

test("a notice on the page brings its id, its lease and its deadline", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 60_000 });
  using page = await DriverPage.open(process.pid);
  page.leave({ id: "named", leaseMs: 3, sentAt: 5 });
  await signalSelf(23);
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
  assert.equal(page.status().activeId, "named");
  assert.equal(page.document()?.lastRound?.sentAt, 5);
  assert.equal(agent.state, "running");
});

test("a notice on the page that is over its deadline does nothing", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 2 });
  using page = await DriverPage.open(process.pid);
  page.leave({ id: "late", deadline: Date.now() - 1000 });
  await signalSelf(23);
  await sleep(40);
  assert.equal(agent.lastOutcome, undefined);
});

test("a notice that was withdrawn before the app looked does nothing", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 2 });
  using page = await DriverPage.open(process.pid);
  page.notify({ id: "a" });
  page.withdraw("a");
  await sleep(40);
  assert.equal(agent.lastOutcome, undefined);
});

test("garbage on the page with a signal is a bare notice", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  using page = await openFields();
  page.fields.setText("notice", '{"id":5');
  await signalSelf(23);
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
});

test("a kick, which comes with a word, is no notice", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 2 });
  using page = await DriverPage.open(process.pid);
  page.tell("old", "continued");
  await sleep(40);
  assert.equal(agent.lastOutcome, undefined);
});

test("a driver's signal that arrives late, after its notice was found, is no second notice", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 2 });
  using page = await openFields();
  page.fields.setText("notice", '{"id":"early"}');
  page.fields.increment("signalsSent");
  page.fields.increment("signalsSent");
  await signalSelf(23);
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
  await signalSelf(23);
  await sleep(40);
  assert.equal(page.fields.text("activeId"), "early");
});

test("a driver's signal that merged with another one swallows no later notice", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  using page = await openFields();
  page.fields.increment("signalsSent");
  page.fields.increment("signalsSent");
  await signalSelf(23);
  await sleep(1100);
  assert.equal(agent.lastOutcome, undefined);
  await signalSelf(23);
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
});

test("a signal of another user is refused and counted, one of the kernel is neither", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  using page = await openFields();
  await forgeSignal(23, { code: 0, pid: 1, uid: 12_345 });
  await waitFor("the stranger", () => page.fields.get("rejected") === 1);
  await forgeSignal(23, { code: 1, pid: 0, uid: 0 });
  await sleep(40);
  assert.equal(agent.lastOutcome, undefined);
  assert.equal(page.fields.get("rejected"), 1);
  await forgeSignal(23, { code: -1, pid: 1, uid: 0 });
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
});

test("a second notice that comes while the app is held does not end the hold, and is worked on afterwards", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 250 })], leaseMs: 2 });
  const ids: string[] = [];
  agent.register({ name: "a", afterRestore: ({ noticeId }) => void ids.push(noticeId) });
  await using driver = startScript("late_driver.ts", process.pid, "late");
  await driver.nextLine();
  const began = performance.now();
  await signalSelf(23);
  await waitFor("the first outcome", () => ids.length >= 1);
  assert.ok(performance.now() - began >= 240);
  await driver.ended;
  await waitFor("the second outcome", () => ids.length === 2);
  assert.equal(ids[1], "late");
});

test("a bare signal is no notice: it is ignored and counted", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 2 });
  using page = await DriverPage.open(process.pid);
  let rounds = 0;
  agent.register({ name: "a", beforeCheckpoint: () => void rounds++ });
  for (let sent = 1; sent <= 3; sent++) {
    await signalSelf(23);
    await waitFor("the count", () => page.status().ignored === sent);
  }
  assert.deepEqual([rounds, agent.lastOutcome, agent.state], [0, undefined, "running"]);
  const [self] = await listAttached([process.pid]);
  assert.equal(self?.ignoredSignals, 3);
  page.notify({ id: "a-real-one", deadline: Date.now() + 60_000 });
  await waitFor("the answer", () => page.status().activeId === "a-real-one");
});

test("a storm of bare signals leaves the app to its work, and a notice in it is taken once", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 2 });
  using page = await DriverPage.open(process.pid);
  const ids: string[] = [];
  agent.register({ name: "a", beforeCheckpoint: ({ noticeId }) => void ids.push(noticeId) });
  await using _storm = startProgram("sh", ["-c", `while :; do kill -URG ${process.pid}; done`]);
  await waitFor("the storm", () => page.status().ignored > 100);
  page.notify({ id: "in-the-storm" });
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
  await sleep(50);
  assert.deepEqual(ids, ["in-the-storm"]);
});

test("bare signals that are wanted, and come before the checkpoint of the first is over, are one", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  let rounds = 0;
  agent.register({ name: "a", beforeCheckpoint: () => sleep(100), afterRestore: () => void rounds++ });
  for (let sent = 0; sent < 10; sent++) {
    await signalSelf(23);
    await sleep(5);
  }
  await waitFor("the outcome", () => agent.lastOutcome === "continued" && agent.state === "running");
  await sleep(50);
  assert.equal(rounds, 1);
  using page = await DriverPage.open(process.pid);
  assert.equal(page.status().ignored, 9);
});

test("a handler that was lost is back after the next round, which came another way; until then the driver says so", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/socket`;
  await using agent = await attach({ strategies: [signal(), socket({ path })], leaseMs: 2 });
  agent.register({ name: "a" });
  await resetSignal(23);
  assert.equal((await listAttached([process.pid]))[0]?.deaf[0], "signal");
  const ask = (...more: string[]): Promise<string> =>
    startScript("driver.ts", process.pid, ...more).ended.then(({ stdout }) => stdout.split("\n")[0] as string);
  const refused = await ask("signal", "silence", '{"id":"by-signal","leaseMs":500}');
  assert.match(refused, /"refused".*signal 23 does not reach it/);
  const answered = await ask("any", "silence", '{"id":"by-any","leaseMs":500}');
  assert.match(answered, /"ready".*"warnings":\["signal 23 does not reach it/);
  await waitFor("the outcome", () => agent.state === "running" && agent.lastOutcome === "continued");
  assert.deepEqual((await listAttached([process.pid]))[0]?.deaf, []);
  assert.equal(await ask("signal", "silence", '{"id":"again","leaseMs":500}'), '{"reply":"ready"}');
  await resetSignal(23);
  const simulated = await runCli("bun", ["simulate", process.pid, "--json"]);
  assert.match(JSON.stringify(JSON.parse(simulated.out).dump.warnings), /signal 23 does not reach it/);
  assert.match(simulated.err, /criu-aware simulate: process \d+: signal 23 does not reach it/);
});

test("while the app is held every signal but its own is blocked, and afterwards none", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 250 })] });
  const status = `/proc/${process.pid}/task/${threadId()}/status`;
  const blocked = (): string | undefined => /^SigBlk:.*$/m.exec(readFileSync(status, "utf8"))?.[0];
  const before = blocked();
  const held = runShell(`sleep 0.1; grep SigBlk ${status}`);
  await signalSelf(23);
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  const mask = BigInt(`0x${(await held).stdout.split(/\s+/)[1]}`);
  const isBlocked = (number: number): boolean => ((mask >> BigInt(number - 1)) & 1n) === 1n;
  assert.ok(isBlocked(15) && isBlocked(18) && isBlocked(28) && !isBlocked(23) && !isBlocked(11));
  assert.equal(blocked(), before);
});

test("a driver's word ends the hold as continued, aborted, or a simulated restore", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 20_000, onError: () => {} });
  const seen: string[] = [];
  agent.register({ name: "a", afterRestore: ({ outcome, simulated }) => void seen.push(`${outcome} ${simulated}`) });
  for (const word of ["continued", "aborted", "simulated"]) {
    await using driver = startScript("driver.ts", process.pid, "signal", word, JSON.stringify({ id: `n-${word}` }));
    const { stdout, stderr } = await driver.ended;
    const [reply, ended] = stdout.split("\n");
    assert.equal(reply, '{"reply":"ready"}', stderr);
    const outcome = word === "simulated" ? "restored" : word;
    assert.equal(JSON.parse(ended as string).outcome, outcome);
    assert.equal(agent.lastOutcome, outcome);
  }
  assert.deepEqual(seen, ["continued false", "aborted false", "restored true"]);
  assert.deepEqual([agent.generation, agent.restoredAt], [0, undefined]);
});

test("a lease that is renewed holds longer", async () => {
  await using _agent = await attach({ strategies: [signal()], leaseMs: 100 });
  await using driver = startScript("driver.ts", process.pid, "signal", "renew", JSON.stringify({ id: "r" }));
  const { stdout } = await driver.ended;
  assert.equal(JSON.parse(stdout.split("\n")[1] as string).outcome, "continued");
  using page = await DriverPage.open(process.pid);
  const { readyAt = 0, releasedAt = 0 } = page.document()?.lastRound ?? {};
  assert.ok(releasedAt - readyAt >= 190, `held ${releasedAt - readyAt} ms`);
});

test("the driver's end is the end of the hold", async () => {
  await using agent = await attach({ strategies: [signal()], leaseMs: 20_000 });
  await using driver = startScript("driver.ts", process.pid, "signal", "die", JSON.stringify({ id: "d" }));
  await driver.ended;
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
  using page = await DriverPage.open(process.pid);
  const { readyAt = 0, releasedAt = 0 } = page.document()?.lastRound ?? {};
  assert.ok(releasedAt - readyAt < 5000, `held ${releasedAt - readyAt} ms`);
});

test("notify() refuses for an app that does not listen that way, or at all", async () => {
  await using _agent = await attach({ strategies: [signal()] });
  using page = await DriverPage.open(process.pid);
  const reply = await notify(page, { id: "a" }, 100, "socket");
  assert.deepEqual(reply, {
    reply: "refused",
    reasons: ["it does not take notices by socket; its strategies are: signal"],
  });
});

test("notify() refuses for a page that names no strategy, and withdraws", async () => {
  using page = await openOwnPage();
  page.app.describe({ runtime: { name: "bun", version: "1" }, strategies: [], resources: [], lastRound: undefined });
  const reply = await notify(page.driver, { id: "a" }, 100);
  assert.deepEqual(reply, {
    reply: "refused",
    reasons: ["it does not take notices by signal, socket, file; its strategies are: none"],
  });
  assert.equal(page.app.word("a"), "aborted");
});

test("notify() refuses after the time for an answer, and the app that comes to it later does nothing", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(23);
  using page = await openOwnPage();
  page.app.noticeSignal = 23;
  page.app.describe({
    runtime: { name: "bun", version: "1" },
    strategies: [{ kind: "signal" }],
    resources: [],
    lastRound: undefined,
  });
  const reply = await notify(page.driver, { id: "a" }, 30);
  assert.deepEqual(reply, {
    reply: "refused",
    reasons: ["no answer within 30 ms; give the app more time (timeoutMs, --timeout-ms)"],
  });
  assert.equal(page.app.fields.text("notice"), "");
  assert.equal(page.app.word("a"), "aborted");
});

test("a bare kill after a notice on the page, which is still there, is another checkpoint", async () => {
  await using agent = await attach({ strategies: [signal({ bareLeaseMs: 2 })] });
  using page = await DriverPage.open(process.pid);
  page.leave({ id: "named", leaseMs: 2 });
  await signalSelf(23);
  await waitFor("the outcome", () => agent.lastOutcome === "continued");
  assert.equal(page.status().activeId, "named");
  await signalSelf(23);
  await waitFor("another one", () => page.status().activeId !== "named" && agent.state === "running");
});

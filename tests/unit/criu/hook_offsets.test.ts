import assert from "node:assert/strict";
import { test } from "node:test";
import { numbers, points, replies, states, texts, words } from "../../../page/layout.ts";
import type { Ended } from "../../support/child.ts";
import { hookScript, runAsStep, runWithHookFunctions } from "../../support/hook_script.ts";
import { openOwnPage } from "../../support/own_page.ts";

test("look() takes its numbers from where the layout has them", () => {
  const [, from, bytes] = /od -An -v -tu4 -j(\d+) -N(\d+)/.exec(hookScript) as unknown as [string, string, string];
  const line = /^ {2}(version=\$1 .*)$/m.exec(hookScript)?.[1] as string;
  const taken = Object.fromEntries(
    [...line.matchAll(/(\w+)=\$\{?(\d+)\}?/g)].map(([, name, position]) => [name, Number(position)]),
  );
  const fields = {
    version: numbers.version,
    owner: numbers.pid,
    state: numbers.state,
    reply: numbers.reply,
    wake_signal: numbers.wakeSignal,
    notice_signal: numbers.noticeSignal,
    signals_sent: numbers.signalsSent,
    point: numbers.point,
  };
  assert.deepEqual(Object.keys(taken).sort(), Object.keys(fields).sort());
  for (const [name, at] of Object.entries(fields)) {
    assert.equal(Number(from) + 4 * ((taken[name] as number) - 1), at, name);
    assert.ok(at + 4 <= Number(from) + Number(bytes), name);
  }
  const shifted = Number(/^ {2}shift (\d+)\n {2}active_id=/m.exec(hookScript)?.[1]);
  assert.equal(Number(from) + 4 * shifted, texts.activeId.at);
  assert.equal(Number(/bs=(\d+) conv=sync/.exec(hookScript)?.[1]), texts.activeId.bytes);
});

test("every text that the script reads, and every place that it writes, is a field", () => {
  const read = [...hookScript.matchAll(/\btext (\d+) (\d+)/g)].map(([, at, bytes]) => `${at}+${bytes}`);
  const fields = Object.values(texts).map(({ at, bytes }) => `${at}+${bytes}`);
  assert.ok(read.length >= 4);
  for (const span of read) assert.ok(fields.includes(span), span);
  const written = [...hookScript.matchAll(/\bput (\d+) (\d+)/g)].map(([, size, count]) => Number(size) * Number(count));
  const places: readonly number[] = [texts.notice.at, texts.wordId.at, numbers.word, numbers.signalsSent];
  assert.deepEqual(new Set(written), new Set(places));
});

test("the words that the script compares with are at its numbers", () => {
  assert.match(hookScript, /"\$state" = 2/);
  assert.match(hookScript, /"\$state" != 4/);
  assert.match(hookScript, /"\$reply" != 0/);
  assert.match(hookScript, /"\$reply" != 1/);
  assert.match(hookScript, /"\$state,\$point" = 2,1/);
  assert.equal(points[1], "waiting");
  assert.equal(states[0], "running");
  assert.equal(states[2], "held");
  assert.equal(states[4], "detached");
  assert.deepEqual(replies, ["none", "ready", "refused"]);
  assert.equal(words[2], "aborted");
});

test("the script reads a page as the driver does", async () => {
  using page = await openOwnPage();
  page.app.noticeSignal = 40;
  page.app.publish("preparing", "notice-1", undefined, undefined, 3);
  page.app.publish("recovering", "notice-1", { reply: "refused", reasons: ["one", "two"] }, "aborted", 3);
  page.driver.tell("other", "continued");
  const { stdout, stderr } = await runAsStep(
    process.pid,
    'echo $state $reply $wake_signal $notice_signal $signals_sent; names "$(words notice-1)" && ! names "$(words notice-2)" && text 72 40; echo; text 4096 8192',
  );
  assert.equal(stderr, "");
  assert.equal(stdout, "3 2 23 40 1\nnotice-1\none\ntwo");
});

test("the app finds the notice that the script writes", async () => {
  using page = await openOwnPage();
  const notice = `{"id":"x","driver":{"pid":1,"namespace":"pid:[1]"}}`;
  await runAsStep(process.pid, `printf '%s\\000' '${notice}' | put 512 5`);
  assert.equal(page.app.fields.text("notice"), notice);
});

test("a shorter notice leaves nothing of a longer one", async () => {
  using page = await openOwnPage();
  page.driver.leave({ id: "long", deadline: 1, leaseMs: 100, driver: { pid: 1, namespace: "pid:[4026531836]" } });
  await runAsStep(process.pid, `printf '%s\\000' '{"id":"x"}' | put 512 5`);
  assert.equal(page.app.fields.text("notice"), '{"id":"x"}');
});

test("abort() withdraws the notice, says aborted and kicks", async () => {
  using page = await openOwnPage();
  page.driver.leave({ id: "mine" });
  page.driver.tell("before", "continued");
  const { stderr, code } = await runAsStep(process.pid, "abort", "mine");
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.equal(page.app.word("mine"), "aborted");
  assert.equal(page.app.fields.text("notice"), "");
  assert.equal(page.app.fields.get("signalsSent"), 2);
});

test("abort() leaves the notice of another driver alone", async () => {
  using page = await openOwnPage();
  page.driver.leave({ id: "theirs" });
  await runAsStep(process.pid, "abort", "mine");
  assert.equal(page.app.word("mine"), undefined);
  assert.equal(page.app.fields.text("notice"), '{"id":"theirs"}');
});

test("abort() sends no signal that would end a process", async () => {
  using page = await openOwnPage();
  for (const signal of [0, 9, 0xffffffff]) {
    page.driver.leave({ id: `x${signal}` });
    page.fields.set("wakeSignal", signal);
    assert.equal((await runAsStep(process.pid, "abort; echo done", `x${signal}`)).stdout, "done\n");
    assert.equal(page.app.word(`x${signal}`), "aborted");
  }
});

test("a page that is not open, or belongs to another process, and a process without one are passed by", async () => {
  using page = await openOwnPage();
  const found = async (pid: number): Promise<Ended> => runAsStep(pid, "echo found");
  assert.equal((await found(process.pid)).stdout, "found\n");
  page.fields.set("pid", 1);
  const other = await found(process.pid);
  page.fields.set("pid", process.pid);
  page.fields.setText("magic", "");
  for (const ended of [other, await found(process.pid), await found(1), await found(4194305)]) {
    assert.deepEqual([ended.code, ended.stdout, ended.stderr], [3, "", ""]);
  }
});

test("is_signal() and u32() know their limits", async () => {
  const { stdout } = await runWithHookFunctions(
    "for n in 0 1 9 19 23 64 65 4294967295; do is_signal $n && echo $n; done; " +
      "for n in 0 1 255 256 65536 16777216 4294967295 305419896; do u32 $n | od -An -tu4; done",
  );
  const printed = stdout.split("\n").map((line) => line.trim());
  assert.deepEqual(printed.filter(Boolean), [
    ..."1 23 64".split(" "),
    ..."0 1 255 256 65536 16777216 4294967295 305419896".split(" "),
  ]);
});

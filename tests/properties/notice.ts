import assert from "node:assert/strict";
import fc from "fast-check";
import { checkNotice, NoticeError } from "../../lifecycle/notice.ts";
import { checkReply } from "../../lifecycle/reply.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { Border } from "./border.ts";
import { orError } from "./expect.ts";
import { altered, json, jsonText, numbers, text } from "./inputs.ts";

const time = fc.nat({ max: 600_000 });

/** What a driver may announce. */
export const notices: fc.Arbitrary<Notice> = fc.record(
  {
    id: fc.string({ unit: fc.constantFrom(..."aZ09_.-"), minLength: 1, maxLength: 36 }),
    sentAt: time,
    deadline: time,
    leaseMs: time,
    driver: fc.record({
      pid: fc.integer({ min: 1, max: 2 ** 22 }),
      namespace: fc.constantFrom("pid:[4026531836]", ""),
    }),
    criuOptions: fc.array(fc.constantFrom("tcpClose", "shellJob"), { maxLength: 5 }),
  },
  { requiredKeys: ["id"] },
);

/** What an app may answer. */
export const replies: fc.Arbitrary<Reply> = fc.oneof(
  fc.constant<Reply>({ reply: "ready" }),
  fc.record({ reply: fc.constant<"refused">("refused"), reasons: fc.array(text(), { maxLength: 4 }) }),
);

const names = ["id", "sentAt", "deadline", "leaseMs", "driver", "pid", "namespace", "criuOptions", "reply", "reasons"];
const given = fc.oneof(
  ...[altered(notices), altered(replies), json(names), fc.record({ id: text(), leaseMs: numbers })],
  fc.record({ id: fc.constant("a"), driver: fc.record({ pid: numbers, namespace: text() }) }),
);

/** A notice and a reply, as they come by a page, a marker or a socket. */
export const notice: Border = {
  name: "notice",
  runs: 3000,
  open: () =>
    fc.property(fc.oneof(given, jsonText(given).map(parsed)), (value) => {
      const found = orError(() => checkNotice(value), NoticeError);
      if (found) isNotice(found);
      const reply = orError(() => checkReply(value), NoticeError);
      if (reply) isReply(reply);
    }),
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A notice that was accepted is one, and would be again. */
export function isNotice(notice: Notice): void {
  const { id, sentAt = 0, deadline = 0, leaseMs = 0, driver, criuOptions = [], ...rest } = notice;
  assert.match(id, /^[\w.-]{1,36}$/);
  for (const time of [sentAt, deadline, leaseMs]) assert.ok(Number.isFinite(time) && time >= 0);
  assert.ok(leaseMs <= 600_000 && criuOptions.length < 100);
  for (const name of criuOptions) assert.ok(typeof name === "string" && name.length < 99);
  assert.ok(!driver || (Number.isSafeInteger(driver.pid) && driver.pid > 0 && typeof driver.namespace === "string"));
  assert.deepEqual(rest, {});
  assert.deepEqual(checkNotice(JSON.parse(JSON.stringify(notice))), JSON.parse(JSON.stringify(notice)));
}

/** A reply that was accepted is one, and would be again. */
export function isReply(reply: Reply): void {
  assert.ok(["ready", "refused"].includes(reply.reply));
  const { reasons = [] } = reply as { reasons?: readonly string[] };
  assert.ok(reasons.length <= 256);
  for (const reason of reasons) assert.ok(typeof reason === "string" && reason.length <= 8192);
  assert.deepEqual(checkReply(JSON.parse(JSON.stringify(reply))), reply);
}

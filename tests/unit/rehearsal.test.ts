/** attach() goes once through an empty checkpoint: nobody sees it, and nobody is missed meanwhile. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { attach } from "../../attach.ts";
import { encoder } from "../../ffi/bytes.ts";
import { openLibc } from "../../ffi/libc.ts";
import { connectUnix } from "../../ffi/unix_client.ts";
import { file } from "../../strategies/file/agent.ts";
import { signal } from "../../strategies/signal/agent.ts";
import { socket } from "../../strategies/socket/agent.ts";
import { encodeRequest } from "../../strategies/socket/protocol.ts";
import type { Strategy } from "../../strategies/strategy.ts";
import { blockedSignal } from "../support/blocked_signal.ts";
import { recorder } from "../support/lifecycle_ports.ts";
import { openFields } from "../support/own_page.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep, waitFor } from "../support/time.ts";

const SIGURG = 23;

/** The signal strategy, which tells of each notice before it is delivered. */
function overheard(onNotice: (id: string) => void): Strategy {
  return {
    kind: "signal",
    start: (agent) =>
      signal().start({
        ...agent,
        deliver(notice, caller) {
          onNotice(notice.id);
          agent.deliver(notice, caller);
        },
      }),
  };
}

test("attach() goes through an empty checkpoint by the signal, unless it is told not to", async () => {
  for (const [rehearse, ids] of [
    [true, ["rehearsal"]],
    [false, []],
  ] as const) {
    const seen: string[] = [];
    await using _agent = await attach({ strategies: [overheard((id) => seen.push(id))], rehearse });
    assert.deepEqual(seen, ids);
  }
});

test("nothing of it is left: no hook, no outcome, no round, nothing on the page", async () => {
  const log: string[] = [];
  const pages: unknown[] = [];
  for (const rehearse of [true, false]) {
    const options = { strategies: [signal()], resources: [recorder(log, "a")], rehearse };
    await using agent = await attach(options);
    await sleep(5);
    assert.deepEqual([agent.state, agent.generation, agent.lastOutcome], ["running", 0, undefined]);
    using page = await openFields();
    const { fields } = page;
    const texts = (["activeId", "wordId", "notice", "refusal"] as const).map((name) => fields.text(name));
    const names = [
      "state",
      "reply",
      "outcome",
      "generation",
      "rejected",
      "ignored",
      "renewals",
      "word",
      "point",
    ] as const;
    const { lastRound, resources } = JSON.parse(fields.text("document"));
    pages.push({ texts, numbers: names.map((name) => fields.get(name)), lastRound, resources });
  }
  assert.deepEqual(log, []);
  assert.deepEqual(pages[0], pages[1]);
});

test("a marker that comes in the middle of it is answered, and so is a request", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/here`;
  const libc = await openLibc();
  using stack = new DisposableStack();
  const notice = { id: "real", leaseMs: 2 };
  const ways: [Strategy, () => void][] = [
    [file({ path }), () => writeFileSync(path, JSON.stringify(notice))],
    [
      socket({ path: `${path}.sock` }),
      () => {
        const client = connectUnix(libc, `${path}.sock`);
        client?.send(encoder.encode(encodeRequest("checkpoint", notice)));
        if (client) stack.use(client);
      },
    ],
  ];
  for (const [strategy, bring] of ways) {
    const ids: string[] = [];
    await using agent = await attach({ strategies: [strategy, overheard(bring)] });
    agent.register({ name: "a", afterRestore: ({ noticeId }) => void ids.push(noticeId) });
    await waitFor(`the end of the one by ${strategy.kind}`, () => ids.length > 0 && agent.state === "running");
    assert.deepEqual(ids, ["real"]);
  }
});

test("where the signal is blocked attach() does not wait for it, and what comes of it later is nothing", async () => {
  const log: string[] = [];
  const libc = await openLibc();
  const blocked = blockedSignal(libc, SIGURG);
  await using agent = await attach({ strategies: [signal()] });
  agent.register(recorder(log, "a"));
  blocked[Symbol.dispose]();
  await sleep(20);
  assert.deepEqual([log, agent.lastOutcome], [[], undefined]);
});

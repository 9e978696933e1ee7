import assert from "node:assert/strict";
import { test } from "node:test";
import { type Gate, GateBusyError, GateClosedError, gate } from "../../../resources/gate/mod.ts";
import { attach } from "../../../simulate.ts";
import { prepare, recover } from "../../support/hooks.ts";
import { sleep, turns } from "../../support/time.ts";

const quiet = { onError: () => {} };

/** Whether a promise is settled after some turns. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await turns();
  return settled;
}

test("who comes while it is open is inside at once, with and without await, until the end of the block", async () => {
  const work = gate();
  {
    using _ = work.enter();
    using pass = await work.enter();
    assert.equal(work.inside, 2);
    assert.equal(pass.isInside, true);
    pass[Symbol.dispose]();
    assert.deepEqual([pass.isInside, work.inside], [false, 1]);
  }
  assert.equal(work.inside, 0);
});

test("preparing waits until those inside have left, and who comes meanwhile waits for the outcome", async () => {
  const work = gate();
  const first = await work.enter();
  const prepared = prepare(work);
  const newcomer = Promise.resolve(work.enter());
  assert.deepEqual([await isSettled(prepared), await isSettled(newcomer), work.inside], [false, false, 1]);
  first[Symbol.dispose]();
  await prepared;
  assert.deepEqual([await isSettled(newcomer), work.inside], [false, 0]);
  await recover(work);
  (await newcomer)[Symbol.dispose]();
  assert.equal(work.inside, 0);
});

test("who has waited is inside in the very moment in which it opens: the next checkpoint waits for them", async () => {
  const work = gate();
  await prepare(work);
  const newcomer = Promise.resolve(work.enter());
  await turns();
  recover(work);
  const second = prepare(work);
  assert.equal(work.inside, 1);
  (await newcomer)[Symbol.dispose]();
  await second;
});

test("without await, and while it is closed, `using` throws before any work is done, and nobody is left inside", async () => {
  const work = gate();
  await prepare(work);
  let worked = false;
  const handle = (): void => {
    using _ = work.enter();
    worked = true;
  };
  assert.throws(handle, (error: GateClosedError) => error instanceof GateClosedError && error.waitedMs === 0);
  await recover(work, "aborted");
  assert.deepEqual([worked, work.inside], [false, 0]);
});

test("a newcomer waits no longer than it wants, by its own limit, by that of the gate, or by a signal", async () => {
  const work = gate({ waitMs: 5 });
  await prepare(work);
  const isClosed = (ms: number) => (error: GateClosedError) =>
    error instanceof GateClosedError && error.waitedMs === ms;
  await assert.rejects(Promise.resolve(work.enter()), isClosed(5));
  await assert.rejects(
    work.run(() => {}, { waitMs: 1 }),
    isClosed(1),
  );
  const controller = new AbortController();
  const waiting = work.run(() => {}, { signal: controller.signal, waitMs: 10_000 });
  controller.abort(new Error("the client has gone"));
  await assert.rejects(waiting, /the client has gone/);
  assert.throws(() => work.enter({ signal: controller.signal }), /the client has gone/);
  await recover(work);
  assert.equal(work.inside, 0);
});

test("a time that is none is an error", async () => {
  for (const waitMs of [-1, Number.NaN]) assert.throws(() => gate({ waitMs }), /waitMs must be a number/);
  const work = gate();
  await prepare(work);
  assert.throws(() => work.enter({ waitMs: -1 }).then(), /waitMs must be a number/);
});

test("a gate that is never left refuses the checkpoint, says how many for how long, and opens again", async () => {
  await using agent = await attach(quiet);
  const work = gate({ timeoutMs: 60 });
  agent.register(work);
  const passes = [await work.enter(), await work.enter()];
  const newcomer = work.run(() => "let in");
  await assert.rejects(
    agent.checkpoint(),
    /gate: 2 are still inside, for up to \d+ ms: end this work sooner, or give .* more time; with collectStacks it says/,
  );
  assert.equal(agent.lastOutcome, "aborted");
  assert.equal(await newcomer, "let in");
  for (const pass of passes) pass[Symbol.dispose]();
  assert.equal(await agent.checkpoint(), "restored");
});

test("with collectStacks a refusal says where they entered, and of a request nothing but method and path", async () => {
  const work = gate({ collectStacks: true });
  using _ = await work.enter();
  void work.run(() => new Promise(() => {}));
  void work.wrap(() => new Promise<Response>(() => {}))(
    new Request("http://localhost/orders?token=secret", { method: "PUT" }),
  );
  const error = await prepare(work, undefined, 20).then(
    () => assert.fail("not refused"),
    (error: GateBusyError) => error,
  );
  assert.ok(error instanceof GateBusyError);
  assert.equal(error.inside, 3);
  assert.match(error.entered[0] as string, /^at .*gate\.test\.ts/);
  assert.match(error.entered[1] as string, /^at .*gate\.test\.ts/);
  assert.equal(error.entered[2], "by PUT /orders");
  assert.match(error.message, /; they entered at .*gate\.test\.ts.*, by PUT \/orders$/);
});

test("work inside may enter once more while preparing, by itself or by naming what it is a part of", {
  timeout: 5000,
}, async () => {
  const work = gate();
  const inner = work.wrap(async () => new Response("inner"));
  let goOn = (): void => {};
  const closed = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const outer = work.wrap(async (request: Request) => {
    await closed;
    using _ = work.enter();
    return await work.run(() => inner(request));
  });
  const answer = outer(new Request("http://localhost/"));
  using pass = await work.enter();
  const prepared = prepare(work);
  goOn();
  assert.equal(await (await answer).text(), "inner");
  {
    using _ = work.enter({ within: pass });
  }
  assert.equal(await isSettled(prepared), false);
  pass[Symbol.dispose]();
  await prepared;
  assert.throws(() => {
    using _ = work.enter({ within: pass });
  }, GateClosedError);
  assert.throws(() => {
    using other = gate().enter();
    using _ = work.enter({ within: other as never });
  }, GateClosedError);
});

test("work that throws leaves, at once or later, and so does a handler", async () => {
  const work = gate();
  const fails = (): never => {
    throw new Error("no");
  };
  await assert.rejects(work.run(fails), /no/);
  await assert.rejects(
    work.run(async () => fails()),
    /no/,
  );
  await assert.rejects(work.wrap(fails)(new Request("http://localhost/")), /no/);
  await assert.rejects(work.wrap(async () => fails())(new Request("http://localhost/")), /no/);
  assert.equal(work.inside, 0);
});

/** An answer in three parts, and whether its source was cancelled. */
function streaming(): { answer: Response; isCancelled: () => boolean } {
  let parts = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await sleep(1);
      if (++parts > 3) controller.close();
      else controller.enqueue(new TextEncoder().encode(`${parts}`));
    },
    cancel() {
      cancelled = true;
    },
  });
  const answer = new Response(body, { status: 201, headers: { "x-own": "yes" } });
  return { answer, isCancelled: () => cancelled };
}

test("a body that streams counts until it is read or cancelled, and the answer is as it was", async () => {
  const work = gate();
  const request = new Request("http://localhost/");
  const read = await work.wrap(() => streaming().answer)(request);
  const prepared = prepare(work);
  assert.deepEqual([await isSettled(prepared), work.inside], [false, 1]);
  assert.deepEqual([read.status, read.headers.get("x-own"), await read.text()], [201, "yes", "123"]);
  await prepared;
  await recover(work);

  const { answer, isCancelled } = streaming();
  const cancelled = await work.wrap(() => answer)(request);
  await cancelled.body?.cancel();
  assert.deepEqual([isCancelled(), work.inside], [true, 0]);

  const failing = new ReadableStream({ pull: () => Promise.reject(new Error("the source failed")) });
  const failed = await work.wrap(() => new Response(failing))(request);
  await assert.rejects(failed.text(), /the source failed/);
  assert.equal(work.inside, 0);
});

test("what is no answer, or one without a body, is handed on as it is", async () => {
  const work = gate();
  const request = new Request("http://localhost/");
  const empty = new Response(null, { status: 204 });
  assert.equal(await work.wrap(() => empty)(request), empty);
  // As Bun wants it of a request that has become a WebSocket.
  assert.equal(await work.wrap(() => undefined)(request), undefined);
  assert.equal(work.inside, 0);
});

test("a request that waits too long gets 503, and one whose client has gone is not worked on", async () => {
  const work: Gate = gate({ waitMs: 5 });
  let calls = 0;
  const handler = work.wrap(() => {
    calls++;
    return new Response("answer");
  });
  await prepare(work);
  const late = await handler(new Request("http://localhost/"));
  assert.deepEqual([late.status, late.headers.get("retry-after")], [503, "1"]);
  const controller = new AbortController();
  const gone = handler(new Request("http://localhost/", { signal: controller.signal }));
  controller.abort();
  assert.equal((await gone).status, 503);
  await recover(work);
  assert.equal(calls, 0);
  assert.equal(await (await handler(new Request("http://localhost/"))).text(), "answer");
});

test("registered last, it closes before all others prepare and opens when all are rebuilt", async () => {
  await using agent = await attach(quiet);
  const work = gate();
  const seen: string[] = [];
  const isClosed = (): string => {
    try {
      using _ = work.enter();
      return "open";
    } catch {
      return "closed";
    }
  };
  agent.register({
    name: "other",
    beforeCheckpoint: () => void seen.push(isClosed()),
    afterRestore: () => void seen.push(isClosed()),
  });
  agent.register(work);
  await agent.checkpoint();
  assert.deepEqual([...seen, isClosed()], ["closed", "closed", "open"]);
});

/** A handler behind a gate, in the server of the runtime that runs the test. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { Answers } from "../../../resources/gate/answers.ts";
import { type Gate, gate } from "../../../resources/gate/mod.ts";
import { prepare, recover } from "../../support/hooks.ts";
import { sleep, turns, waitFor } from "../../support/time.ts";

type Handler = (request: Request, beside: never) => Promise<Response | undefined>;

interface Server extends AsyncDisposable {
  readonly url: string;
}

interface Runtimes {
  readonly Bun: {
    serve(options: object): {
      readonly port: number;
      stop(closes: boolean): Promise<void>;
      upgrade(request: Request): boolean;
    };
  };
  readonly Deno: {
    serve(options: object, handler: Handler): { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
    upgradeWebSocket(request: Request): { readonly response: Response };
  };
}
const { Bun, Deno } = globalThis as unknown as Runtimes;

function serve(handler: Handler): Server {
  if (!Bun) {
    const controller = new AbortController();
    const { signal } = controller;
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {}, signal }, handler);
    return {
      url: `127.0.0.1:${server.addr.port}`,
      async [Symbol.asyncDispose]() {
        controller.abort();
        await server.shutdown().catch(() => {});
      },
    };
  }
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handler, websocket: { message() {} } });
  return { url: `127.0.0.1:${server.port}`, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** An answer whose second and last part comes when it is told. */
function inTwoParts(): { answer: Response; end: () => void } {
  let end = (): void => {};
  const told = new Promise<void>((resolve) => {
    end = resolve;
  });
  let parts = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (parts++ === 1) await told;
      controller.enqueue(new TextEncoder().encode(`part ${parts} `));
      if (parts === 2) controller.close();
    },
  });
  return { answer: new Response(body), end };
}

/** Prepares, and says whether that is still under way after some turns. */
async function startPreparing(work: Gate): Promise<{ readonly waits: boolean; readonly done: Promise<void> }> {
  let waits = true;
  const done = prepare(work).then(() => {
    waits = false;
  });
  await turns(10);
  return { waits, done };
}

test("an answer is handed on as it is, with its type and its length, and it has left when it was sent", async () => {
  const work = gate();
  const text = "hello ".repeat(200_000);
  await using server = serve(work.wrap(() => new Response(text)) as Handler);
  const answer = await fetch(`http://${server.url}/`);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
  assert.deepEqual([answer.headers.get("content-length"), await answer.text()], [`${text.length}`, text]);
  await waitFor("the request to leave", () => work.inside === 0);
});

test("answers that were sent are forgotten from time to time, although no checkpoint asks for them", () => {
  const answers = new Answers();
  const open = new Set<Request>();
  const server = { requestIP: (request: Request) => (open.has(request) ? {} : null) };
  let sent = 0;
  for (let round = 0; round < 1000; round++) {
    const request = new Request("http://localhost/");
    open.add(request);
    answers.watch(new Response("hello"), request, server, () => void sent++);
    // One in ten takes long.
    if (round % 10 > 0) open.delete(request);
  }
  assert.ok(sent > 700, `${sent} were forgotten`);
  answers.look();
  assert.equal(sent, 900);
});

test("an answer that streams is inside until its end", async () => {
  const work = gate();
  const { answer: streamed, end } = inTwoParts();
  await using server = serve(work.wrap(() => streamed) as Handler);
  const answer = await fetch(`http://${server.url}/`);
  const preparing = await startPreparing(work);
  assert.deepEqual([preparing.waits, work.inside], [true, 1]);
  end();
  assert.equal(await answer.text(), "part 1 part 2 ");
  await preparing.done;
});

test("a client that goes away in the middle of an answer is no longer inside", async () => {
  const work = gate();
  const body = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        controller.enqueue(new Uint8Array(1000));
      },
    });
  await using server = serve(work.wrap(() => new Response(body())) as Handler);
  const controller = new AbortController();
  const answer = await fetch(`http://${server.url}/`, { signal: controller.signal });
  assert.equal(work.inside, 1);
  controller.abort();
  await answer.text().catch(() => {});
  await prepare(work);
});

test("a large answer to a client that reads slowly is inside until it is sent whole", {
  skip: Bun ? false : "Deno says that an answer is complete when its last part is handed over, not when it is sent",
}, async () => {
  const bytes = 16_000_000;
  const work = gate();
  await using server = serve(work.wrap(() => new Response(new Uint8Array(bytes))) as Handler);
  const socket = connect(Number(server.url.split(":")[1]), "127.0.0.1");
  let received = 0;
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  await new Promise<void>((resolve) => socket.once("readable", resolve));
  const preparing = await startPreparing(work);
  assert.equal(preparing.waits, true);
  socket.on("data", (chunk) => {
    received += chunk.length;
  });
  await preparing.done;
  await waitFor("the whole answer", () => received > bytes);
  socket.destroy();
});

test("a request that became a WebSocket has left", async () => {
  const work = gate();
  const handler = (request: Request, server: never): Response | undefined =>
    Bun
      ? void (server as ReturnType<Runtimes["Bun"]["serve"]>).upgrade(request)
      : Deno.upgradeWebSocket(request).response;
  await using server = serve(work.wrap(handler as never) as Handler);
  const socket = new WebSocket(`ws://${server.url}/`);
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("no WebSocket"));
  });
  await prepare(work);
  const closed = new Promise<void>((resolve) => {
    socket.onclose = () => resolve();
  });
  socket.close();
  await closed;
});

// Deno complains once in the life of a process: this test is before the one in which it may.
test("a request that comes while it is closed is answered after the outcome, and Deno complains of nothing", async () => {
  const { warn } = console;
  const warned: unknown[] = [];
  console.warn = (...args) => void warned.push(args);
  try {
    for (const outcome of ["continued", "aborted"] as const) {
      const work = gate();
      await using server = serve(work.wrap(() => new Response("late")) as Handler);
      await prepare(work);
      const answer = fetch(`http://${server.url}/`);
      await turns(10);
      assert.equal(work.inside, 0);
      await recover(work, outcome);
      assert.equal(await (await answer).text(), "late");
    }
  } finally {
    console.warn = warn;
  }
  assert.deepEqual(warned, []);
});

test("a request that has waited is not worked on when its client was cut off meanwhile", async () => {
  const work = gate();
  const worked: string[] = [];
  await using server = serve(
    work.wrap(({ url }: Request) => {
      worked.push(new URL(url).pathname);
      return new Response("late");
    }) as Handler,
  );
  await prepare(work);
  const controller = new AbortController();
  const gone = fetch(`http://${server.url}/gone`, { signal: controller.signal }).catch(() => "gone");
  const stays = fetch(`http://${server.url}/stays`);
  await sleep(50);
  controller.abort();
  assert.equal(await gone, "gone");
  await sleep(50);
  await recover(work, "restored");
  assert.equal(await (await stays).text(), "late");
  assert.deepEqual([worked, work.inside], [["/stays"], 0]);
});

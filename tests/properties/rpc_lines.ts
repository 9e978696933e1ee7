import assert from "node:assert/strict";
import fc from "fast-check";
import { connectUnix, type UnixClient } from "../../ffi/unix_client.ts";
import type { Notice } from "../../lifecycle/types.ts";
import { AppPage } from "../../page/app_page.ts";
import { states } from "../../page/layout.ts";
import { socket } from "../../strategies/socket/agent.ts";
import { codes, MAX_LINE_BYTES, parseRequest, parseResponse, type Results } from "../../strategies/socket/protocol.ts";
import type { Border } from "./border.ts";
import { altered, damaged, json, jsonText } from "./inputs.ts";
import { isNotice, isReply, notices, replies } from "./notice.ts";
import { openSocketPlace } from "./socket_place.ts";

const names = ["jsonrpc", "id", "method", "params", "result", "error", "message", "reply", "state", "word"];
const bytes = (text: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
  text.map((text) => new TextEncoder().encode(text));

const requests = fc.record({
  jsonrpc: fc.constant("2.0"),
  id: fc.oneof(fc.nat(), fc.string(), fc.constant(null)),
  method: fc.constantFrom("checkpoint", "outcome", "status", "point", "other"),
  params: fc.oneof(notices, fc.record({ id: fc.uuid(), word: fc.constantFrom("aborted", "none", "x") }), json()),
});
const requestLine = bytes(jsonText(fc.oneof(requests, altered(requests), json(names))));
const sent = fc.record({
  line: fc.oneof(
    requestLine,
    damaged(requestLine),
    fc.nat(9).map((more) => new Uint8Array(MAX_LINE_BYTES - 4 + more).fill(0x20)),
  ),
  /** With a newline, and more behind it. */
  end: fc.constantFrom("", "\n", "\n\n", "\nmore\n"),
  cuts: fc.array(fc.nat(), { maxLength: 3 }),
});

/** Requests, as the app gets them on its socket: in pieces, too long, nested, no UTF-8. */
export const rpcServer: Border = {
  name: "rpc-server",
  runs: 400,
  async open(cleanup) {
    const { libc, doorbell, path } = await openSocketPlace(cleanup);
    const page = new AppPage(libc);
    cleanup.defer(() => page[Symbol.dispose]());
    let delivered: Notice | undefined;
    const listener = socket({ path }).start({
      libc,
      page,
      doorbell,
      lookForRestore() {},
      deliver(notice, caller) {
        delivered = notice;
        caller.reply({ reply: "ready" });
      },
    });
    cleanup.defer(() => listener[Symbol.dispose]());
    const connect = (): UnixClient => connectUnix(libc, listener.endpoint.path as string) as UnixClient;
    // With one client alone the app waits a moment for what that has to say.
    const silent = connect();
    cleanup.defer(() => silent[Symbol.dispose]());
    listener.look();
    return fc.property(sent, ({ line, end, cuts }) => {
      delivered = undefined;
      const whole = Buffer.concat([line, Buffer.from(end)]);
      let answer: string | undefined;
      let isWhole = true;
      {
        using client = connect();
        for (const piece of pieces(whole, cuts)) {
          // It may have been answered, and hung up on; or there was no room for all of it.
          isWhole &&= offer(client, piece);
          listener.look();
        }
        answer = received(client);
      }
      // One that waits for a point has hung up.
      listener.look();
      if (isWhole || answer !== undefined) isAnswer(whole, answer, delivered);
    });
  },
};

function offer(client: UnixClient, piece: Uint8Array): boolean {
  try {
    client.send(piece);
    return true;
  } catch {
    return false;
  }
}

function received(client: UnixClient): string | undefined {
  const parts: Uint8Array[] = [];
  try {
    for (let part = client.receive(); part; part = client.receive()) {
      if (part.length === 0) return Buffer.concat(parts).toString();
      parts.push(part);
    }
  } catch {
    // Hung up on before all was read.
    return Buffer.concat(parts).toString();
  }
  assert.equal(parts.length, 0, "an answer, and the connection is still open");
  return undefined;
}

function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).flatMap((end, i) => {
    const piece = bytes.subarray(places[i], end);
    return piece.length > 0 ? [piece] : [];
  });
}

/** Every line gets one answer, of its own id; what is not a line yet gets none. */
function isAnswer(whole: Buffer, answer: string | undefined, delivered: Notice | undefined): void {
  const end = whole.indexOf(10);
  const isLine = end >= 0 && end < MAX_LINE_BYTES;
  const request = isLine ? parseRequest(new TextDecoder().decode(whole.subarray(0, end))) : undefined;
  if (delivered) isNotice(delivered);
  if (request?.method === "point") return assert.equal(answer, undefined);
  if (!isLine && whole.length <= MAX_LINE_BYTES) return assert.equal(answer, undefined);
  // At the very limit the end of the line may come with what is too long, or before.
  if (!isLine && !request && answer === "") return;
  assert.match(answer as string, /^[^\n]+\n$/);
  const { jsonrpc, id, result, error } = JSON.parse(answer as string);
  assert.equal(jsonrpc, "2.0");
  if (!request) {
    if (isLine || end < 0) assert.deepEqual([id, error.code], [null, codes.request]);
    return;
  }
  assert.deepEqual(id, JSON.parse(JSON.stringify(request.id)));
  assert.equal(delivered !== undefined, request.method === "checkpoint" && error === undefined);
  const known = ["checkpoint", "outcome", "status"].includes(request.method);
  if (!known) assert.equal(error.code, codes.method);
  else if (error) assert.deepEqual([request.method, error.code], ["checkpoint", codes.params]);
  else if (request.method === "status") assert.ok(states.includes(result.state));
}

const results = fc.oneof(
  replies,
  fc.record({
    state: fc.constantFrom(...states),
    generation: fc.integer({ min: -2, max: 5 }),
    outcome: fc.constantFrom("restored", "none", null),
  }),
  fc.tuple(replies, fc.uuid()).map(([reply, id]) => ({ ...reply, id })),
);
const responses = fc.oneof(
  fc.record({ jsonrpc: fc.constant("2.0"), id: fc.nat(), result: results }),
  fc.record({
    jsonrpc: fc.constant("2.0"),
    id: fc.nat(),
    error: fc.record({ code: fc.integer(), message: fc.string() }),
  }),
);
const responseLine = jsonText(fc.oneof(responses, altered(responses), json(names)));

/** Answers of an app, as a driver reads them. */
export const rpcClient: Border = {
  name: "rpc-client",
  runs: 3000,
  open: () =>
    fc.property(fc.constantFrom("checkpoint", "outcome", "status", "point"), responseLine, (method, line) => {
      let result: Results[typeof method];
      try {
        result = parseResponse(method, line);
      } catch (error) {
        // What is made of it is printed by call(), which sees to that.
        assert.equal(Object.getPrototypeOf(error).constructor.name.endsWith("Error"), true);
        assert.ok(!(error instanceof TypeError || error instanceof RangeError), String(error));
        return;
      }
      isResult(method, result);
    }),
};

export function isResult<M extends keyof Results>(method: M, result: Results[M]): void {
  if (method === "outcome") return assert.equal(result, null);
  if (method === "status") {
    const { state, generation, outcome } = result as Results["status"];
    assert.ok(states.includes(state) && Number.isSafeInteger(generation) && generation >= 0);
    return assert.ok([null, "restored", "continued", "aborted"].includes(outcome));
  }
  const { id, ...reply } = result as Results["point"];
  isReply(reply as Results["checkpoint"]);
  assert.equal(method === "point", id !== undefined);
}

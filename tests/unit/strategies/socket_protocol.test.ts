import assert from "node:assert/strict";
import { test } from "node:test";
import { codes, encodeError, encodeRequest, encodeResult, parseRequest } from "../../../strategies/socket/protocol.ts";

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("parseRequest() reads back what encodeRequest() wrote, one line", () => {
  const line = encodeRequest("checkpoint", { id: "a\nb" });
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.deepEqual(parseRequest(line), { id: 1, method: "checkpoint", params: { id: "a\nb" } });
});

test("parseRequest() takes a string, a number, null or nothing as id", () => {
  for (const id of [1, "x", null]) {
    assert.equal(parseRequest(JSON.stringify({ jsonrpc: "2.0", id, method: "status" }))?.id, id);
  }
  assert.deepEqual(parseRequest('{"jsonrpc":"2.0","method":"status"}'), {
    id: null,
    method: "status",
    params: undefined,
  });
});

test("parseRequest() refuses what is no request of JSON-RPC 2.0", () => {
  for (const line of [
    "",
    "x",
    "null",
    "5",
    "[]",
    "{}",
    '"status"',
    '{"jsonrpc":"1.0","id":1,"method":"status"}',
    '{"jsonrpc":2.0,"id":1,"method":"status"}',
    '{"id":1,"method":"status"}',
    '{"jsonrpc":"2.0","id":1}',
    '{"jsonrpc":"2.0","id":1,"method":5}',
    '{"jsonrpc":"2.0","id":{},"method":"status"}',
    '{"jsonrpc":"2.0","id":[1],"method":"status"}',
    '{"jsonrpc":"2.0","id":true,"method":"status"}',
    '[{"jsonrpc":"2.0","id":1,"method":"status"}]',
    "[".repeat(100_000),
  ]) {
    assert.equal(parseRequest(line), undefined, line.slice(0, 80));
  }
});

test("encodeResult() and encodeError() are one line each, as the specification has them", () => {
  assert.equal(decode(encodeResult(7, null)), '{"jsonrpc":"2.0","id":7,"result":null}\n');
  assert.equal(
    decode(encodeError(null, codes.method, "no\nsuch")),
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no\\nsuch"}}\n',
  );
});

test("the codes are those of the specification, ours are in the range for servers", () => {
  assert.deepEqual([codes.parse, codes.request, codes.method, codes.params], [-32700, -32600, -32601, -32602]);
  for (const code of [codes.busy, codes.forbidden]) assert.ok(code <= -32000 && code >= -32099);
});

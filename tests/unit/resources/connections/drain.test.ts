import assert from "node:assert/strict";
import { test } from "node:test";
import type { TcpInfo } from "../../../../ffi/tcp_info.ts";
import { isAnyOwed } from "../../../../resources/connections/drain.ts";
import type { Found } from "../../../../resources/connections/find.ts";

const socket = (type: Found["type"], port: number, state: TcpInfo["state"], sentMs = 0, receivedMs = 0): Found => ({
  fd: 9,
  inode: 1,
  type,
  family: "inet4",
  local: { family: "inet4", address: "127.0.0.1", port, bytes: new Uint8Array() },
  remote: undefined,
  tcp: { state, segmentsSent: 1, sentMs, receivedMs },
});
const isOwed = (...sockets: Found[]): boolean => isAnyOwed(sockets, () => true);

test("an answer is owed to who has sent data last: to this process as a client, by it as a server", () => {
  const server = socket("listener", 80, "listening");
  assert.equal(isOwed(socket("connection", 40_000, "connected", 5, 100)), true);
  assert.equal(isOwed(socket("connection", 40_000, "connected", 100, 5)), false);
  assert.equal(isOwed(server, socket("connection", 80, "connected", 100, 5)), true);
  assert.equal(isOwed(server, socket("connection", 80, "connected", 5, 100)), false);
});

test("nothing is owed on what is idle, over, or not meant", () => {
  assert.equal(isOwed(socket("connection", 40_000, "connected", 7, 7)), false);
  assert.equal(isOwed(socket("connection", 40_000, "closed", 5, 100)), false);
  assert.equal(
    isAnyOwed([socket("connection", 40_000, "connected", 5, 100)], () => false),
    false,
  );
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { addWatch, epollOfThisThread, readWatches, removeWatch, type Watch, watchesIn } from "../../../ffi/epoll.ts";
import { openLibc } from "../../../ffi/libc.ts";

test("the lines of an epoll are read, and nothing that only looks like one", () => {
  const info = `pos:\t0
flags:\t02
tfd:       12 events:     2019 data:     7f12aabbccdd0001  pos:0 ino:404 sdev:10
tfd:        9 events: 80002019 data: ffffffffffffffff  pos:0 ino:404 sdev:10
xtfd: 1 events: 1 data: 1
`;
  assert.deepEqual(watchesIn(3, info), [
    { fd: 12, epoll: 3, events: 0x2019, data: 0x7f12aabbccdd0001n },
    { fd: 9, epoll: 3, events: 0x80002019, data: 0xffffffffffffffffn },
  ]);
});

test("the event loop of this thread is found, and what it watches can be taken from it and given back", async () => {
  const libc = await openLibc();
  const epoll = await epollOfThisThread(libc);
  assert.ok(epoll !== undefined);
  const before = new Set(readWatches().keys());
  const server = createServer((socket) => void socket.on("error", () => {}).end("hello")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const [fd, watches] = [...readWatches()].find(([fd]) => !before.has(fd)) as [number, Watch[]];
  assert.deepEqual(
    watches.map((watch) => watch.epoll),
    [epoll],
  );
  const [watch] = watches as [Watch];
  removeWatch(libc, fd, watch);
  removeWatch(libc, fd, watch);
  assert.equal(readWatches().has(fd), false);
  addWatch(libc, fd, watch);
  addWatch(libc, fd, watch);
  assert.deepEqual(readWatches().get(fd), watches);
  const client = connect((server.address() as { port: number }).port, "127.0.0.1");
  const [said] = await once(client, "data");
  assert.equal(String(said), "hello");
  client.destroy();
  server.close();
});

import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { createPoll } from "../../../ffi/poll.ts";
import { listenUnix, type UnixConnection, type UnixListener } from "../../../ffi/unix_listener.ts";
import { openBell } from "../../support/bell.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

const SIGIO = 29;
const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

async function accept(listener: UnixListener): Promise<UnixConnection> {
  let connection: UnixConnection | undefined;
  await waitFor("a connection", () => {
    connection = listener.accept();
    return connection !== undefined;
  });
  return connection as UnixConnection;
}

test("a connection and the data on it raise the signal, and nothing blocks", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGIO);
  using directory = temporaryDirectory();
  using listener = listenUnix(bell.libc, `${directory.path}/s`, SIGIO);
  assert.equal(listener.accept(), undefined);
  const client = connect(`${directory.path}/s`);
  let received = "";
  client.setEncoding("utf8").on("data", (chunk) => {
    received += chunk;
  });
  await waitFor("the ring", () => bell.heard.length > 0);
  using connection = await accept(listener);
  assert.equal(connection.uid, bell.libc.geteuid());
  assert.equal(connection.receive(true), undefined);
  await sleep(5);
  const before = bell.doorbell.sequence;
  client.write("hello");
  await waitFor("the ring", () => bell.doorbell.sequence > before);
  assert.equal(text(connection.receive(true)), "hello");
  connection.send(new TextEncoder().encode("answer"));
  await waitFor("the answer", () => received === "answer");
  client.end();
  await waitFor("the end", () => connection.receive(true)?.length === 0);
  client.destroy();
});

test("at least 64 KiB can be sent at once to somebody who does not read yet", async () => {
  const libc = await openLibc();
  await using bell = await openBell();
  bell.doorbell.listen(SIGIO);
  using directory = temporaryDirectory();
  using listener = listenUnix(libc, `${directory.path}/s`, SIGIO);
  const client = connect(`${directory.path}/s`);
  await new Promise<void>((resolve) => client.on("connect", () => resolve()));
  const connection = await accept(listener);
  connection.send(new Uint8Array(65_536).fill(120));
  connection[Symbol.dispose]();
  connection[Symbol.dispose]();
  let bytes = 0;
  const ended = new Promise((resolve) => client.on("end", resolve));
  client.on("data", (chunk) => {
    bytes += chunk.length;
  });
  await ended;
  client.destroy();
  assert.equal(bytes, 65_536);
});

test("the socket has mode 0600, and the umask is what it was", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGIO);
  using directory = temporaryDirectory();
  const old = process.umask(0o022);
  try {
    using _listener = listenUnix(bell.libc, `${directory.path}/s`, SIGIO);
    assert.equal(statSync(`${directory.path}/s`).mode & 0o777, 0o600);
    assert.equal(process.umask(0o022), 0o022);
  } finally {
    process.umask(old);
  }
});

test("a path that is taken, too long or nowhere is said, and nothing is left open", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGIO);
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  using _listener = listenUnix(bell.libc, path, SIGIO);
  const before = countDescriptors(/socket/);
  assert.throws(() => listenUnix(bell.libc, path, SIGIO), {
    message: `Cannot listen on ${path}: process ${process.pid} listens there. End it, or use another path.`,
  });
  assert.throws(() => listenUnix(bell.libc, `${directory.path}/no/s`, SIGIO), { code: "ENOENT" });
  assert.throws(() => listenUnix(bell.libc, `/tmp/${"x".repeat(103)}`, SIGIO), RangeError);
  assert.ok(countDescriptors(/socket/) <= before, "it left a descriptor open");
  const longest = `/tmp/${crypto.randomUUID()}${"x".repeat(66)}`;
  assert.equal(longest.length, 107);
  listenUnix(bell.libc, longest, SIGIO)[Symbol.dispose]();
  assert.equal(existsSync(longest), false);
});

test("its descriptor is readable while a connection waits", async () => {
  await using bell = await openBell();
  bell.doorbell.listen(SIGIO);
  using directory = temporaryDirectory();
  using listener = listenUnix(bell.libc, `${directory.path}/s`, SIGIO);
  const poll = createPoll(bell.libc, [listener.fd]);
  assert.equal(poll(0), "timeout");
  const client = connect(`${directory.path}/s`);
  await waitFor("the connection", () => poll(0) === "readable");
  (await accept(listener))[Symbol.dispose]();
  assert.equal(poll(0), "timeout");
  client.destroy();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { connectUnix, type UnixClient } from "../../../ffi/unix_client.ts";
import { call } from "../../../strategies/socket/driver.ts";
import { end, startProgram } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const libc = await openLibc();
const perl = (path: string, backlog: number, then: string): [string, string[]] => [
  "perl",
  [
    "-MIO::Socket::UNIX",
    "-e",
    `$| = 1; $s = IO::Socket::UNIX->new(Local => "${path}", Listen => ${backlog}) or die "$!"; ${then}`,
  ],
];

test("the peer of a connection is the process that listens", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  await using server = startProgram(...perl(path, 5, 'print "listening\\n"; sleep 60'));
  await server.nextLine();
  using client = connectUnix(libc, path) as UnixClient;
  assert.equal(client.peer, server.pid);
});

test("a listener that has ended is no peer, though a child of it still has the socket", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  await using server = startProgram(...perl(path, 5, 'if ($c = fork) { print "$c\\n"; exit } sleep 60'));
  const child = Number(await server.nextLine());
  try {
    while (process.kill(server.pid, 0)) await new Promise((resolve) => setTimeout(resolve, 5));
  } catch {}
  try {
    using client = connectUnix(libc, path) as UnixClient;
    assert.equal(client.peer, undefined);
  } finally {
    await end(child);
  }
});

test("one who never accepts, and one who never answers, keep nobody longer than its time", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/s`;
  await using server = startProgram(...perl(path, 1, 'print "listening\\n"; sleep 60'));
  await server.nextLine();
  assert.equal(await call(path, "status", undefined, 30), undefined);
  const clients: UnixClient[] = [];
  for (let client = connectUnix(libc, path); client; client = connectUnix(libc, path)) clients.push(client);
  assert.equal(await call(path, "status", undefined, 30), undefined);
  const abort = AbortSignal.timeout(30);
  assert.equal(await call(path, "status", undefined, 60_000, { signal: abort }), undefined);
  for (const client of clients) client[Symbol.dispose]();
});

test("where nobody listens it says so, and no descriptor stays", async () => {
  using directory = temporaryDirectory();
  const before = countDescriptors(/socket/);
  assert.throws(() => connectUnix(libc, `${directory.path}/none`), { code: "ENOENT" });
  assert.throws(() => connectUnix(libc, "/etc/hostname"), { code: "ECONNREFUSED" });
  assert.throws(() => connectUnix(libc, `/${"x".repeat(200)}`), RangeError);
  assert.equal(countDescriptors(/socket/), before);
});

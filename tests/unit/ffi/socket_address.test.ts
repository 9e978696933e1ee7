import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { changeAddress, formatAddress, localAddress, remoteAddress } from "../../../ffi/socket_address.ts";
import { socketsSince } from "../../support/own_sockets.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("an address is read, changed and shown, for each family", async () => {
  const libc = await openLibc();
  using directory = temporaryDirectory();
  const path = `${directory.path}/socket`;
  const cases = [
    [{ host: "127.0.0.1", port: 0 }, "inet4", "127.0.0.1"],
    [{ host: "::1", port: 0 }, "inet6", "::1"],
    [{ path }, "unix", undefined],
  ] as const;
  for (const [at, family, address] of cases) {
    const since = socketsSince();
    const server = createServer().listen(at);
    await once(server, "listening");
    const found = since()
      .map((fd) => localAddress(libc, fd))
      .find((local) => local?.family === family && (local.path === path || local.port));
    assert.equal(found?.address, address);
    assert.ok(found);
    if (family === "unix") {
      assert.equal(formatAddress(found), path);
    } else {
      const { port } = server.address() as { port: number };
      assert.equal(found.port, port);
      assert.equal(formatAddress(found), family === "inet6" ? `[::1]:${port}` : `127.0.0.1:${port}`);
      const changed = changeAddress(libc, found, { port: 258, address: family === "inet6" ? "::2" : "127.0.0.2" });
      assert.deepEqual([...changed.subarray(2, 4)], [1, 2]);
      assert.equal(changed.at(family === "inet6" ? 23 : 7), 2);
      for (const wrong of [{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { address: "localhost" }, { address: "" }])
        assert.throws(() => changeAddress(libc, found, wrong), { name: "TypeError" });
    }
    server.close();
  }
});

test("what is no socket has no address", async () => {
  const libc = await openLibc();
  assert.equal(localAddress(libc, -1), undefined);
  assert.equal(remoteAddress(libc, 0), undefined);
});

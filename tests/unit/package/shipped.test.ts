import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { shippedText } from "../../../package/shipped.ts";

const script = new URL("../../../criu/hook.sh", import.meta.url);

test("a shipped file is read where the package lies in the file system", async () => {
  assert.equal(await shippedText(script), readFileSync(fileURLToPath(script.href), "utf8"));
});

test("a shipped file is fetched where the package was loaded from a URL; one that is missing is an error", async () => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/hook.sh" ? 200 : 404;
    response.end("#!/bin/sh\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    assert.equal(await shippedText(new URL("hook.sh", base)), "#!/bin/sh\n");
    await assert.rejects(shippedText(new URL("other.sh", base)), /Cannot load .*other\.sh: the server answers 404/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

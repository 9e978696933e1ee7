import assert from "node:assert/strict";
import fc from "fast-check";
import { listenToOne } from "../../ffi/doorbell.ts";
import { SIGIO } from "../../ffi/signal_numbers.ts";
import { listenUnix, type UnixConnection } from "../../ffi/unix_listener.ts";
import { call } from "../../strategies/socket/driver.ts";
import type { Border } from "./border.ts";
import { isSafe } from "./expect.ts";
import { damaged, json, jsonText, text } from "./inputs.ts";
import { isResult } from "./rpc_lines.ts";
import { openSocketPlace } from "./socket_place.ts";

const line = jsonText(
  fc.oneof(
    fc.record({ jsonrpc: fc.constant("2.0"), id: fc.nat(), result: json(["reply", "reasons", "state"]) }),
    fc.record({ error: fc.record({ message: text() }) }),
    fc.constant({ result: { state: "running", generation: 0 } }),
  ),
).map((text) => new TextEncoder().encode(`${text}\n`));
const said = fc.oneof(line, damaged(line), fc.constant(new Uint8Array(70_000).fill(0x20)));

/** A whole call of a driver, to somebody who answers in pieces, too much, or hangs up in between. */
export const rpcConnection: Border = {
  name: "rpc-connection",
  runs: 100,
  async open(cleanup) {
    const { libc, doorbell, path } = await openSocketPlace(cleanup);
    const listener = listenUnix(libc, path, listenToOne(doorbell, SIGIO));
    cleanup.defer(() => listener[Symbol.dispose]());
    const accepted = async (): Promise<UnixConnection> => {
      for (;;) {
        const connection = listener.accept();
        if (connection) return connection;
        await turn();
      }
    };
    return fc.asyncProperty(fc.constantFrom("checkpoint", "status"), said, fc.nat(), async (method, said, cut) => {
      const called = call(path, method, {}, 60_000).then(
        (result) => ({ result }),
        (error: Error) => ({ error }),
      );
      {
        using connection = await accepted();
        const at = cut % (said.length + 1);
        connection.send(said.subarray(0, at));
        await turn();
        connection.send(said.subarray(at));
      }
      const answer = await called;
      if ("error" in answer) isSafe(answer.error.message);
      // It has hung up: nothing was left to wait for.
      else isResult(method, answer.result as NonNullable<typeof answer.result>);
      assert.ok("error" in answer || answer.result !== undefined);
    });
  },
};

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

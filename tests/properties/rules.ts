import assert from "node:assert/strict";
import { isIP } from "node:net";
import fc from "fast-check";
import { openLibc } from "../../ffi/libc.ts";
import { changeAddress, type SocketAddress } from "../../ffi/socket_address.ts";
import { actionFor, checkRules, type Rule } from "../../resources/connections/rules.ts";
import type { Connection } from "../../resources/connections/socket.ts";
import type { Border } from "./border.ts";
import { isSafe } from "./expect.ts";
import { numbers, text } from "./inputs.ts";

const anything = fc.oneof(
  numbers,
  text(),
  fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, maxDepth: 2 }),
  fc.constantFrom<unknown>(80n, { a: 1n }, Symbol("s"), circle(), () => 1),
);
const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("::ffff:127.0.0.1", "::1", "fe80::1%eth0", "1.2.3", ""));
const port = fc.oneof(fc.integer({ min: -1, max: 70_000 }), fc.constantFrom(0, 1.5, Number.NaN));
const parts = {
  action: fc.constantFrom("shutdown", "ignore", "refuse"),
  type: fc.constantFrom("connection", "listener"),
  family: fc.constantFrom("inet4", "inet6", "ip", "unix"),
  localAddress: address,
  localPort: port,
  remoteAddress: address,
  remotePort: port,
  localPath: text(),
  remotePath: text(),
};
const rules = fc.oneof(
  fc.record(parts, { requiredKeys: [] }),
  fc
    .tuple(
      fc.record(parts, { requiredKeys: ["action"] }),
      fc.constantFrom(...Object.keys(parts), "port", "__proto__"),
      anything,
    )
    .map(([rule, name, value]) => Object.fromEntries([...Object.entries(rule), [name, value]])),
  anything,
);

function circle(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

const bytes = new Uint8Array(16);
const ends: readonly SocketAddress[] = [
  { family: "inet4", address: "127.0.0.1", port: 80, bytes: new Uint8Array(16).fill(2, 0, 1) },
  { family: "inet6", address: "::1", port: 80, bytes: new Uint8Array(28).fill(10, 0, 1) },
];
const connections: readonly Connection[] = [
  { fd: 7, type: "connection", family: "inet6", local: ends[1] as SocketAddress, remote: ends[1] },
  { fd: 8, type: "listener", family: "unix", local: { family: "unix", path: "/run/s", bytes }, remote: undefined },
];

/** Rules of connections(), and what `listenAt` returns. */
export const listenAt: Border = {
  name: "rules",
  runs: 2000,
  async open() {
    const libc = await openLibc();
    const target = fc.record(
      { address: fc.oneof(address, anything), port: fc.oneof(port, anything) },
      { requiredKeys: [] },
    );
    return fc.property(rules, target, fc.constantFrom(...ends), (rule, to, from) => {
      const isRule = orTypeError(() => checkRules([rule as Rule]) ?? true, /^Cannot use rule 1 of connections\(\): /);
      if (isRule) {
        for (const one of connections)
          assert.ok(["shutdown", "ignore", "refuse"].includes(actionFor([rule as Rule], one)));
      }
      const said = /^a port is a number from 0 to 65535, not |is no address of IPv[46]$/;
      const change = (): Uint8Array => changeAddress(libc, from, to as Parameters<typeof changeAddress>[2]);
      const changed = orTypeError(change, said);
      if (!changed) return;
      assert.equal(changed.length, from.bytes.length);
      // -0 is 0.
      const given = Number(to.port ?? from.port) + 0;
      assert.equal(new DataView(changed.buffer).getUint16(2), given);
      assert.equal(changed[0], from.bytes[0]);
      assert.ok(to.address === undefined || (typeof to.address === "string" && isIP(to.address) !== 0));
    });
  },
};

function orTypeError<T>(action: () => T, said: RegExp): T | undefined {
  try {
    return action();
  } catch (error) {
    assert.ok(error instanceof TypeError);
    assert.match(error.message, said);
    isSafe(error.message);
    return undefined;
  }
}

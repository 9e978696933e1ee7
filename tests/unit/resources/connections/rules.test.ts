import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, type ConnectionsOptions, connections, type Rule } from "criu-aware/resources/connections";
import { actionFor } from "../../../../resources/connections/rules.ts";

const bytes = new Uint8Array();
const tcp: Connection = {
  fd: 7,
  type: "connection",
  family: "inet6",
  local: { family: "inet6", address: "::1", port: 40_000, bytes },
  remote: { family: "inet6", address: "::ffff:127.0.0.1", port: 5432, bytes },
};
const unix: Connection = {
  fd: 8,
  type: "connection",
  family: "unix",
  local: { family: "unix", path: "", bytes },
  remote: { family: "unix", path: "/run/postgresql/.s.PGSQL.5432", bytes },
};

test("a rule that names nothing, or something that there is not, is an error that says what is wrong", () => {
  const wrong: readonly [rule: unknown, message: RegExp][] = [
    [{ action: "ignore" }, /rule 1 .* it names nothing\. Give at least one of type, family, localAddress/],
    [{ action: "ignore", remotePort: undefined }, /it names nothing/],
    [{ action: "close", remotePort: 80 }, /its action must be "shutdown", "ignore", "refuse", not "close"/],
    [{ remotePort: 80 }, /its action must be/],
    [{ action: "ignore", remotePort: 0 }, /its remotePort must be a port from 1 to 65535, not 0/],
    [{ action: "ignore", localPort: "80" }, /its localPort must be a port .* not "80"/],
    [{ action: "ignore", remoteAddress: "localhost" }, /its remoteAddress must be an IP address, not "localhost"/],
    [{ action: "ignore", family: "ipv4" }, /its family must be "inet4", "inet6", "ip", "unix"/],
    [{ action: "ignore", type: "socket" }, /its type must be "connection", "listener"/],
    [{ action: "ignore", remotePath: "" }, /its remotePath must be a path/],
    [{ action: "ignore", port: 80 }, /it has no part "port"; known are action, type/],
    [{ action: "ignore", toString: 1 }, /it has no part "toString"/],
    [undefined, /its action must be/],
  ];
  for (const [rule, message] of wrong) {
    assert.throws(() => connections({ rules: [rule as Rule] }), { name: "TypeError", message });
  }
});

test("options that there are not, and values that they cannot have, are errors", () => {
  const wrong: readonly [options: unknown, message: RegExp][] = [
    [{ drain: 1 }, /has no option drain; known are name, rules/],
    [{ drainMs: -1 }, /drainMs is -1: give milliseconds/],
    [{ drainMs: Number.NaN }, /drainMs is NaN/],
    [{ drainMs: Number.POSITIVE_INFINITY }, /drainMs is Infinity/],
    [{ listen: "close" }, /listen is "close": give "keep" or "rebind"/],
    [{ listenAt: () => ({}) }, /listenAt needs listen: "rebind"/],
    [{ listen: "rebind", listenAt: 80 }, /listenAt is no function/],
    [{ rules: {} }, /rules that are no list/],
  ];
  for (const [options, message] of wrong) assert.throws(() => connections(options as ConnectionsOptions), { message });
});

test("the first rule that names a socket decides; what none names is shut down", () => {
  const rules: Rule[] = [
    { action: "refuse", remotePort: 5432, type: "listener" },
    { action: "ignore", family: "ip", remoteAddress: "127.0.0.1", remotePort: 5432 },
    { action: "refuse", remotePort: 5432 },
    { action: "refuse", remotePath: "/run/postgresql/.s.PGSQL.5432" },
  ];
  assert.equal(actionFor(rules, tcp), "ignore");
  assert.equal(actionFor(rules.slice(2), tcp), "refuse");
  assert.equal(actionFor(rules, unix), "refuse");
  assert.equal(actionFor(rules, { ...unix, remote: undefined }), "shutdown");
  assert.equal(actionFor([], tcp), "shutdown");
});

test("an address is the same however it is written", () => {
  const written = (localAddress: string): Rule[] => [{ action: "ignore", localAddress }];
  assert.equal(actionFor(written("0:0:0:0:0:0:0:1"), tcp), "ignore");
  assert.equal(actionFor(written("::2"), tcp), "shutdown");
  assert.equal(actionFor([{ action: "ignore", remoteAddress: "::ffff:127.0.0.1" }], tcp), "ignore");
  assert.equal(actionFor([{ action: "ignore", family: "inet4" }], tcp), "shutdown");
});

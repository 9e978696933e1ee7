/** What a restore takes over from a manifest that may name anything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { carryOptions } from "../../../driver/carried.ts";
import type { Manifest } from "../../../images/mod.ts";

const after = (criuOptions: unknown): object => carryOptions({ criuOptions } as Manifest, {});

test("of the options in a manifest only those that a restore needs again come back, and only with values that they can have", () => {
  const good = { tcpClose: true, fileLocks: true, shellJob: true, linkRemap: true, root: "/", manageCgroups: "soft" };
  assert.deepEqual(after(good), good);
  const bad: unknown[] = ["yes", 1, {}, [], [true], null, false, "", { toString: "true" }, "true", Number.MAX_VALUE];
  for (const value of bad) {
    const names = ["tcpEstablished", "tcpClose", "extUnixSk", "fileLocks", "shellJob", "linkRemap", "unprivileged"];
    assert.deepEqual(after(Object.fromEntries(names.map((name) => [name, value]))), {}, JSON.stringify(value));
  }
  for (const root of ["/etc", "//", "/../", ["/"], { length: 1 }, true, null]) assert.deepEqual(after({ root }), {});
  for (const manageCgroups of ["soft --action-script=/tmp/x", "SOFT", ["soft"], { soft: 1 }, true, 5, null, ""]) {
    assert.deepEqual(after({ manageCgroups }), {}, JSON.stringify(manageCgroups));
  }
  const foreign = {
    external: ["mnt[]"],
    inheritFd: "fd[0]:x",
    cgroupRoot: "/x",
    actionScript: "/tmp/x",
    exec: ["sh"],
    lsmProfile: "x",
    constructor: true,
    "shell-job": true,
  };
  assert.deepEqual(after(foreign), {});
  assert.deepEqual(after(JSON.parse('{"__proto__":{"tcpClose":true,"root":"/"},"prototype":{"fileLocks":true}}')), {});
});

test("what is given for this restore wins over the manifest, whatever that says", () => {
  const manifest = { criuOptions: { tcpClose: true, manageCgroups: "soft", root: "/" } } as unknown as Manifest;
  assert.deepEqual(carryOptions(manifest, { tcpEstablished: true, manageCgroups: "ignore", root: "/srv" }), {
    tcpEstablished: true,
    manageCgroups: "ignore",
    root: "/srv",
  });
});

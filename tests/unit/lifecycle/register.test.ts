import assert from "node:assert/strict";
import { test } from "node:test";
import { Register } from "../../../lifecycle/register.ts";
import type { Resource } from "../../../lifecycle/types.ts";

const names = (register: Register): string[] => register.inOrder.map(({ name }) => name);

test("inOrder goes by tier, inside a tier by registration; app is the default", () => {
  const register = new Register();
  register.add({ name: "default" });
  register.add({ name: "app", tier: "app" });
  register.add({ name: "connection", tier: "connection" });
  register.add({ name: "runtime", tier: "runtime" });
  register.add({ name: "device 1", tier: "device" });
  register.add({ name: "device 2", tier: "device" });
  assert.deepEqual(names(register), ["runtime", "device 1", "device 2", "connection", "default", "app"]);
});

test("disposal takes a resource out, twice does no harm, and it can be added again at the end", () => {
  const register = new Register();
  const first: Resource = { name: "first" };
  const registration = register.add(first);
  register.add({ name: "second" });
  registration[Symbol.dispose]();
  registration[Symbol.dispose]();
  assert.deepEqual(names(register), ["second"]);
  register.add(first);
  assert.deepEqual(names(register), ["second", "first"]);
});

test("two resources may have the same name, one resource may not be added twice", () => {
  const register = new Register();
  const resource: Resource = { name: "same" };
  register.add(resource);
  register.add({ name: "same" });
  assert.throws(() => register.add(resource), {
    name: "TypeError",
    message: "Cannot register same: it is registered already.",
  });
  assert.equal(names(register).length, 2);
});

test("a resource without a name is refused", () => {
  const register = new Register();
  for (const name of ["", undefined, null]) {
    assert.throws(() => register.add({ name } as unknown as Resource), {
      name: "TypeError",
      message: "Cannot register a resource without a `name`.",
    });
  }
  assert.deepEqual(names(register), []);
});

test("a resource with an unknown tier is refused, and the tiers are named", () => {
  const register = new Register();
  for (const tier of ["gpu", "", null, 1]) {
    assert.throws(() => register.add({ name: "x", tier } as unknown as Resource), {
      name: "TypeError",
      message: `Cannot register x: its tier is "${tier}", not one of runtime, device, connection, app.`,
    });
  }
  assert.deepEqual(names(register), []);
});

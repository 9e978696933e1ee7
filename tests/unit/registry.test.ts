import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resource } from "../../lifecycle/types.ts";
import { join, register, sharedRegistry } from "../../registry.ts";

/** An agent that writes down what is added to it and taken out. */
function createAgent(): { log: string[]; add: (resource: Resource) => Disposable } {
  const log: string[] = [];
  return {
    log,
    add: ({ name }) => {
      log.push(`+${name}`);
      return { [Symbol.dispose]: () => void log.push(`-${name}`) };
    },
  };
}

test("a library can register before and after the app attaches", () => {
  const { log, add } = createAgent();
  using _before = register({ name: "before" });
  assert.deepEqual(log, []);
  using _agent = join(add);
  assert.deepEqual(log, ["+before"]);
  using _after = register({ name: "after" });
  assert.deepEqual(log, ["+before", "+after"]);
});

test("what a library disposes is taken out of the agent once, and not given to the next one", () => {
  const first = createAgent();
  const second = createAgent();
  const registration = register({ name: "a" });
  using _first = join(first.add);
  registration[Symbol.dispose]();
  registration[Symbol.dispose]();
  assert.deepEqual(first.log, ["+a", "-a"]);
  using _second = join(second.add);
  assert.deepEqual(second.log, []);
});

test("an agent that leaves loses all resources, the next one gets them", () => {
  const first = createAgent();
  const second = createAgent();
  using _registration = register({ name: "a" });
  const joined = join(first.add);
  joined[Symbol.dispose]();
  assert.deepEqual(first.log, ["+a", "-a"]);
  using _second = join(second.add);
  using _late = register({ name: "b" });
  assert.deepEqual(first.log, ["+a", "-a"]);
  assert.deepEqual(second.log, ["+a", "+b"]);
});

test("two agents get each resource, and both lose it", () => {
  const one = createAgent();
  const two = createAgent();
  using _one = join(one.add);
  using _two = join(two.add);
  register({ name: "a" })[Symbol.dispose]();
  assert.deepEqual(one.log, ["+a", "-a"]);
  assert.deepEqual(two.log, ["+a", "-a"]);
});

test("two copies of the module share the registry", async () => {
  const specifier = "../../registry.ts?copy=2";
  const copy = (await import(specifier)) as typeof import("../../registry.ts");
  assert.notEqual(copy.register, register);
  assert.equal(copy.sharedRegistry(), sharedRegistry());
  const { log, add } = createAgent();
  using _agent = join(add);
  const registration = copy.register({ name: "from the copy" });
  registration[Symbol.dispose]();
  assert.deepEqual(log, ["+from the copy", "-from the copy"]);
});

test("everything that was registered here is gone again", () => {
  assert.equal(sharedRegistry().resources.size, 0);
  assert.equal(sharedRegistry().agents.size, 0);
});

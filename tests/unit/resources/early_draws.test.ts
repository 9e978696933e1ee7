/** What draws before the first checkpoint is told of, or may not: `beforeCheckpoint` of uniqueness(). */
import assert from "node:assert/strict";
import nodeCrypto from "node:crypto";
import { test } from "node:test";
import type { Outcome } from "../../../lifecycle/types.ts";
import { type EarlyDraw, type UniquenessOptions, uniqueness } from "../../../resources/uniqueness/mod.ts";
import { attach } from "../../../simulate.ts";
import { prepare, recover } from "../../support/hooks.ts";

const { Bun } = globalThis as unknown as { Bun?: { randomUUIDv7(): string } };
const draws: Record<string, () => unknown> = {
  "crypto.getRandomValues": () => crypto.getRandomValues(new Uint8Array(4)),
  "crypto.randomUUID": () => crypto.randomUUID(),
  "crypto.subtle.generateKey": () => crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]),
  "Math.random": () => Math.random(),
  "node:crypto.randomBytes": () => nodeCrypto.randomBytes(4),
  "node:crypto.randomInt": () => nodeCrypto.randomInt(9),
  "node:crypto.randomUUID": () => nodeCrypto.randomUUID(),
  "node:crypto.randomFillSync": () => nodeCrypto.randomFillSync(new Uint8Array(4)),
  "node:crypto.generateKeySync": () => nodeCrypto.generateKeySync("aes", { length: 128 }),
  ...(Bun ? { "Bun.randomUUIDv7": () => Bun.randomUUIDv7() } : {}),
};

/** Runs `use` while draws are watched; a checkpoint with this outcome ends that. */
async function watching(options: UniquenessOptions, use: () => unknown, outcome: Outcome = "restored"): Promise<void> {
  const resource = uniqueness(options);
  try {
    await use();
  } finally {
    await prepare(resource);
    await recover(resource, outcome);
  }
}

test("each function that draws is told of, once for each place, and works as it does", async () => {
  const told: EarlyDraw[] = [];
  await watching({ beforeCheckpoint: "report", onDraw: (draw) => told.push(draw) }, async () => {
    for (const draw of Object.values(draws)) for (let n = 0; n < 3; n++) assert.notEqual(await draw(), undefined);
  });
  assert.deepEqual(told.map(({ api }) => api).sort(), Object.keys(draws).sort());
  for (const { api, stack } of told) assert.match(stack.split("\n")[0] as string, /early_draws\.test\.ts/, api);
});

test("or each throws an error that names it and says where to draw", async () => {
  await watching({ beforeCheckpoint: "throw" }, () => {
    for (const [api, draw] of Object.entries(draws)) {
      assert.throws(draw, { name: "EarlyDrawError", api, message: /afterRestore/ });
    }
  });
  for (const draw of Object.values(draws)) assert.notEqual(await draw(), undefined);
});

test("the first checkpoint gives the functions back as they were", async () => {
  // In Deno Math.random stays replaced.
  uniqueness();
  const now = (): unknown[] => [
    ...["getRandomValues", "randomUUID"].map((name) => crypto[name as "randomUUID"]),
    ...Object.entries(Object.getOwnPropertyDescriptors(nodeCrypto)).map(([name, { value }]) => [name, value]),
    Object.keys(nodeCrypto),
    Math.random,
    crypto.subtle.generateKey,
  ];
  const before = now();
  await watching({ beforeCheckpoint: "throw" }, () => assert.notDeepEqual(now(), before), "continued");
  assert.deepEqual(now(), before);
});

test("a checkpoint that was aborted was none: draws are still watched", async () => {
  const resource = uniqueness({ beforeCheckpoint: "throw" });
  await prepare(resource);
  await recover(resource, "aborted");
  assert.throws(() => Math.random(), { name: "EarlyDrawError" });
  await prepare(resource);
  await recover(resource);
  Math.random();
});

test("what this library itself draws is not forbidden: a checkpoint is played to its end", async () => {
  await using agent = await attach({ resources: [uniqueness({ beforeCheckpoint: "throw" })] });
  assert.throws(() => crypto.randomUUID(), { name: "EarlyDrawError" });
  assert.equal(await agent.checkpoint(), "restored");
  crypto.randomUUID();
});

test("functions are wrapped as what they are: names, lengths and forms of promisify() stay, and none is a constructor", async () => {
  const { randomInt, generateKeyPair } = nodeCrypto;
  await watching({ beforeCheckpoint: "report", onDraw: () => {} }, () => {
    for (const [wrapped, original] of [
      [nodeCrypto.randomInt, randomInt],
      [nodeCrypto.generateKeyPair, generateKeyPair],
    ] as const) {
      assert.notEqual(wrapped, original);
      assert.deepEqual([wrapped.name, wrapped.length], [original.name, original.length]);
      assert.deepEqual(Object.getOwnPropertySymbols(wrapped), Object.getOwnPropertySymbols(original));
    }
    assert.throws(() => new (Math.random as unknown as new () => unknown)(), { name: "TypeError" });
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { collisionsOf, describeCollision } from "../../../testing/collisions.ts";
import { CollisionError, expectUniqueAcrossClones } from "../../../testing/mod.ts";

test("what two copies drew under one name is a collision, with who has it and how much of it there is", () => {
  const copies = [
    { id: ["a", "b", "c"], key: ["k1"] },
    { id: ["d", "b", "c"], key: ["k2"] },
    { id: ["e", "b"], key: ["k3"] },
  ];
  assert.deepEqual(collisionsOf(copies), [{ name: "id", values: 2, of: 8, example: "b", clones: [1, 2, 3] }]);
});

test("what one copy draws twice, and what two draw under different names, is none", () => {
  assert.deepEqual(collisionsOf([{ id: ["a", "a"] }, { other: ["a"] }, {}]), []);
});

test("the error names each collision and says what to do; what a program drew drives no terminal", () => {
  const { message } = new CollisionError(collisionsOf([{ "id\x1b[2J": ["\x1b]0;x"] }, { "id\x1b[2J": ["\x1b]0;x"] }]));
  assert.match(message, /1 of 2 values, such as .* in the copies 1, 2/);
  assert.match(message, /uniqueness\(\)/);
  assert.ok(!message.includes("\x1b"));
});

test("of many copies that have the same some are named", () => {
  const [collision] = collisionsOf(Array.from({ length: 9 }, () => ({ id: ["a"] })));
  assert.match(describeCollision(collision!), /in the copies 1, 2, 3 and 6 more$/);
});

test("fewer than two copies cannot be compared", async () => {
  for (const clones of [1, 0, 1.5, Number.NaN]) {
    await assert.rejects(expectUniqueAcrossClones("./x.ts", { clones }), { name: "RangeError", message: /2 or more/ });
  }
});

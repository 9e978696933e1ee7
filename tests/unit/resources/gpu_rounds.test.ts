import { test } from "node:test";
import { temporaryState } from "../../support/gpu_names.ts";
import { assertFlat, growthOf } from "../../support/rounds.ts";

test("saved, released, opened again and loaded on the host, 300 rounds, nothing grows", async () => {
  using temporary = temporaryState();
  const growth = await growthOf("host_rounds.ts", [temporary.name, 300]);
  // What the runtimes themselves come to in 200 rounds: Bun 2 MB, Deno 5 MB and 8 mappings, of what it compiles. One slot
  // of a state that is forgotten each round comes to 50 MB and 200 mappings.
  assertFlat(growth, { descriptors: 2, threads: 4, mappings: 30, rss: 12e6 });
});

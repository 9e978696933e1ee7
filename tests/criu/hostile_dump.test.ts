/** A dump that is refused for what hostile processes hold says so in safe words, with real CRIU at its first hook. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { openScene } from "../support/hostile_scene.ts";
import { runtimes } from "../support/runtimes.ts";

for (const runtime of runtimes) {
  test(`criu-aware in ${runtime}: a refused dump prints no name that drives a terminal or forges a line`, {
    skip: noCriu,
  }, async () => {
    await using scene = await openScene(runtime);
    const calls = [
      ["dump", scene.holder, "--unaware", "-D", join(scene.directory, "rpc")],
      ["dump", scene.holder, "--unaware", "-D", join(scene.directory, "command"), "--engine", "command", "--json"],
      ["dump", scene.app.pid, "-D", join(scene.directory, "app")],
    ];
    for (const args of calls) {
      const { code, out, err } = await runCli(runtime, args);
      assert.equal(code, 3, err);
      assert.match(err, /The dump is refused/);
      assert.doesNotMatch(out + err, /[^\P{C}\n\t]|[\u2028\u2029]|^\s*FO/mu, JSON.stringify(err));
    }
  });
}

/** `criu-aware status`: what is shown of processes that say whatever they like. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readUsers } from "../../../ffi/users.ts";
import { App } from "../../support/app.ts";
import { runCli } from "../../support/cli.ts";
import type { RuntimeName } from "../../support/runtimes.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "bun";

test("status shows who runs what, in 80 columns, and bounds what a process says; --json has all of it", async () => {
  const resources = Array.from({ length: 150 }, (_, i) => ({ name: `${"r".repeat(100)}-${i}`, does: "fails" }));
  await using app = await App.start(runtime, { resources });
  const user = readUsers().get(process.geteuid?.() as number)?.name ?? String(process.geteuid?.());
  const table = await runCli(runtime, ["status"]);
  assert.equal(table.code, 0, table.err);
  const row = String(table.out.split("\n").find((line) => line.startsWith(`${app.pid} `)));
  assert.match(row, new RegExp(`^${app.pid} +${user} +running +\\S+ +0 +- +${runtime} run .*…$`));
  assert.ok(row.length <= 80, row);
  const pids = table.out
    .split("\n")
    .slice(1)
    .map((line) => Number.parseInt(line, 10));
  assert.deepEqual(
    pids,
    pids.toSorted((a, b) => a - b),
  );

  // Every resource refuses.
  assert.equal((await runCli(runtime, ["simulate", app.pid])).code, 3);
  const one = await runCli(runtime, ["status", app.pid]);
  assert.match(one.out, new RegExp(`^user +${user}\\ncommand +/.*/${runtime} run\\s`, "m"));
  assert.match(one.out, /and\s+135\s+more;\s+--json\s+shows\s+all/);
  assert.match(one.out, /^refused +r+-149:\s/m);
  assert.ok(one.out.length < 10_000, `${one.out.length} characters`);

  const found = JSON.parse((await runCli(runtime, ["status", app.pid, "--json"])).out);
  assert.equal(found.resources.length, 151);
  assert.ok(found.refusal.length > 16);
  assert.equal(found.uid, process.geteuid?.());
  assert.ok(found.command.some((word: string) => word.endsWith("probe_app.ts")));
});

/** What the command loads: a restore should not wait for what it does not use. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { createProgram } from "../../../cli/program.ts";

const root = join(import.meta.dirname as string, "../../..");

/** All that these modules import before they run, the packages by their names. */
function loadedBy(...modules: readonly string[]): Set<string> {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    if (!file.endsWith(".ts")) return;
    const text = readFileSync(join(root, file), "utf8");
    for (const [, isType, path = ""] of text.matchAll(/^(?:import|export) (type )?[^;]*?from "([^"]*)";$/gm)) {
      if (!isType) visit(path.startsWith(".") ? join(dirname(file), path) : path);
    }
  };
  modules.forEach(visit);
  return found;
}

test("of the subcommands only the one that is asked for is loaded; for the help, and for what is none, all are", async () => {
  const names = async (first?: string): Promise<string[]> =>
    (await createProgram(first)).commands.map((command) => command.name());
  assert.deepEqual(await names("restore"), ["restore"]);
  const all = await names();
  assert.ok(all.length > 10);
  for (const first of ["--help", "help", "restor", "toString", "complete"]) assert.deepEqual(await names(first), all);
});

test("a restore loads no package but commander and protobuf before CRIU is started, and of the images what it needs of them", () => {
  const loaded = loadedBy("cli.ts", "cli/restore.ts", "cli/step_aside.ts", "driver/engines.ts", "driver/restore.ts");
  const packages = [...loaded].filter((name) => !name.endsWith(".ts") && !/^(node:|#)/.test(name));
  assert.deepEqual(packages.sort(), ["@bufbuild/protobuf/wire", "commander"]);
  const slow = ["node:crypto", "node:zlib", "node:readline", "node:net", "node:http"];
  assert.deepEqual(
    slow.filter((name) => loaded.has(name)),
    [],
  );
  const messages = [...loaded].filter((name) => name.includes("messages"));
  assert.deepEqual(messages.sort(), ["criu/rpc/messages.ts", "images/messages/clocks.ts", "images/messages/tree.ts"]);
});

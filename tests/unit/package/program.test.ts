import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { ownModule, programCommand } from "../../../package/program.ts";
import { startProgram } from "../../support/child.ts";
import { runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const runtime = "Deno" in globalThis ? "deno" : "bun";

test("a module of ours ends like the module that asks for it", () => {
  const at = (base: string): string => ownModule("./recorder", base).href;
  assert.equal(at("file:///x/driver/checkpoint.ts"), "file:///x/driver/recorder.ts");
  assert.equal(
    at("file:///x/node_modules/criu-aware/driver/checkpoint.js"),
    at("file:///x/node_modules/criu-aware/driver/a.js"),
  );
  assert.equal(at("file:///x/driver/checkpoint.js"), "file:///x/driver/recorder.js");
  assert.equal(at("https://jsr.io/@a/b/1.0.0/driver/checkpoint.ts"), "https://jsr.io/@a/b/1.0.0/driver/recorder.ts");
  assert.equal(at("file:///x/checkpoint.ts?again=1"), "file:///x/recorder.ts");
});

test("a module of ours runs as a process of its own, also where its path has blanks", () => {
  using directory = temporaryDirectory();
  const folder = join(directory.path, "a folder #1");
  mkdirSync(folder);
  writeFileSync(join(folder, "program.ts"), "console.log(process.argv[2]);");
  const command = programCommand(runtime, ownModule("./program", pathToFileURL(join(folder, "other.ts")).href));
  const [program, ...args] = [...command, "it's here"] as string[] as [string, ...string[]];
  assert.equal(spawnSync(program, args, { encoding: "utf8" }).stdout, "it's here\n");
});

test("in Deno it runs from a URL too, whatever configures the directory that it is started in", async () => {
  using directory = temporaryDirectory();
  writeFileSync(join(directory.path, "deno.json"), "{ no JSON");
  const modules: Record<string, string> = {
    "/program.ts": 'import { other } from "./other.ts"; console.log(other, process.argv[2]);',
    "/other.ts": 'export const other: string = "loaded";',
  };
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/typescript");
    response.end(modules[request.url ?? ""]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/main.ts`;
    const [, ...args] = [...programCommand("deno", ownModule("./program", base)), "here"];
    const env = { DENO_DIR: join(directory.path, "cache") };
    const { code, stdout, stderr } = await startProgram(runCommand.deno[0] as string, args, env, directory.path).ended;
    assert.equal(stdout, "loaded here\n", stderr);
    assert.equal(code, 0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

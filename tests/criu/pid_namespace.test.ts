/** Small pid namespaces, where the command that restores has the ids that the app had in another one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { inSmallNamespace, quoted } from "../support/small_namespace.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const probe = join(import.meta.dirname as string, "../support/probe_app.ts");
/** Shell that waits until the app whose log lies there is attached. */
const attached = (path: string): string => `until grep -q '"attached"' ${path}/log; do sleep 0.05; done`;

for (const runtime of runtimes) {
  const aware = quoted([...runCommand[runtime], cli]);
  const appIn = (path: string): string => quoted([...runCommand.bun, probe, JSON.stringify({ directory: path })]);

  test(`${runtime}: a restore whose own threads have the ids of the app steps aside`, { skip }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    // Some ids further, so that the app does not have the pid of the command, which nobody can change.
    const dumped = await inSmallNamespace(
      path,
      `for i in 1 2 3; do /bin/true; done
       setsid ${appIn(path)} >${path}/log 2>&1 & ${attached(path)}; ${aware} dump $! -D ${path}/images`,
    );
    assert.equal(dumped.code, 0, dumped.text);
    const restored = await inSmallNamespace(path, `${aware} restore ${path}/images`);
    assert.equal(restored.code, 0, restored.text);
    assert.match(readFileSync(join(path, "log"), "utf8"), /"outcome":"restored"/);
  });

  test(`${runtime}: a restore that has the pid of the app itself says at once what to do, and that helps`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const dumped = await inSmallNamespace(
      path,
      `setsid ${appIn(path)} >${path}/log 2>&1 & ${attached(path)}; echo pid $!; ${aware} dump $! -D ${path}/images`,
    );
    assert.equal(dumped.code, 0, dumped.text);
    assert.match(dumped.text, /^pid 2$/m);
    const refused = await inSmallNamespace(path, `${aware} restore ${path}/images`);
    assert.equal(refused.code, 1, refused.text);
    assert.match(refused.text, /pid 2 is taken by this process itself.*echo 30000 >\/proc\/sys\/kernel\/ns_last_pid;/);
    const advised = "echo 30000 >/proc/sys/kernel/ns_last_pid;";
    const restored = await inSmallNamespace(path, `${advised} ${aware} restore ${path}/images`);
    assert.equal(restored.code, 0, restored.text);
  });

  test(`${runtime}: what run starts in one pid namespace is restored in another, as advised, and can be dumped again`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const log = `--log ${path}/log`;
    const dumped = await inSmallNamespace(
      path,
      `pid=$(${aware} run --wait ${log} -- ${appIn(path)}); ${aware} dump $pid -D ${path}/images`,
    );
    assert.equal(dumped.code, 0, dumped.text);
    const again = await inSmallNamespace(
      path,
      `${aware} run --foreground ${log} --restore-or-start ${path}/images -- ${appIn(path)} >${path}/pid &
       until [ -s ${path}/pid ]; do sleep 0.1; done
       ${aware} dump $(cat ${path}/pid) -D ${path}/again`,
    );
    assert.equal(again.code, 0, again.text);
    const restored = await inSmallNamespace(path, `${aware} restore ${path}/again`);
    assert.match(restored.text, /restored, generation 2/);
  });
}

test("a restore whose pid or thread id is taken names who has it, at once; one that is free next is no matter", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const aware = quoted([...runCommand.bun, cli]);
  const app = quoted([...runCommand.bun, probe, JSON.stringify({ directory: path })]);
  const last = "/proc/sys/kernel/ns_last_pid";
  const dumped = await inSmallNamespace(
    path,
    `echo 5000 >${last}; setsid ${app} >>${path}/log 2>&1 & pid=$!; ${attached(path)}; echo ids $(ls /proc/$pid/task)
     echo 9000 >${last}; ${aware} dump $pid -D ${path}/images`,
  );
  assert.equal(dumped.code, 0, dumped.text);
  const ids = (/^ids (.*)$/m.exec(dumped.text)?.[1] ?? "").split(" ").map(Number);
  for (const id of [Math.min(...ids), Math.max(...ids)]) {
    const taken = `echo ${id - 1} >${last}; sleep 1000 & echo 9000 >${last}; ${aware} restore ${path}/images`;
    const { code, text } = await inSmallNamespace(path, taken);
    assert.equal(code, 1, text);
    assert.match(text, new RegExp(`pid ${id} is taken by sleep\\. End it, or restore below`));
    assert.doesNotMatch(text, /restore\.log/);
  }
  // The next ids are those of the app: for this command, for CRIU, or for what CRIU starts.
  for (const before of [4, 16, 20, 24, 40]) {
    const next = `echo ${Math.min(...ids) - before} >${last}; ${aware} restore ${path}/images`;
    const { code, text } = await inSmallNamespace(path, next);
    assert.equal(code, 0, `${before} before: ${text}`);
  }
});

/** A program that shares its terminal with a shell: `--shell-job`. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startProgram } from "../support/child.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const command = [...runCommand.bun, cli].join(" ");

for (const engine of ["rpc", "command"] as const) {
  test(`${engine}: a program of a terminal comes back on the terminal that restores it, and nowhere else`, {
    skip: noCriu,
  }, async () => {
    using directory = temporaryDirectory();
    const images = join(directory.path, "images");
    const script = join(directory.path, "script.sh");
    const restore = ["restore", images, "--engine", engine, "--criu-option", "--shell-job"];
    writeFileSync(
      script,
      `sh -c 'i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done' & pid=$!
sleep 0.3
${command} dump $pid -D ${images} --unaware --criu-option --shell-job || exit 1
wait $pid
echo RESTORING
${command} ${restore.join(" ")} < /dev/null; echo "without: $?"
${command} ${restore.join(" ")} || exit 1
readlink /proc/$pid/fd/1 > ${directory.path}/terminal
tty >> ${directory.path}/terminal
sleep 0.5
kill -9 $pid
`,
    );
    // script(1) of util-linux runs it on a pseudo-terminal.
    const { code, stdout } = await startProgram("script", ["-qefc", `sh ${script}`, "/dev/null"]).ended;
    assert.equal(code, 0, stdout);
    const [before = "", after = ""] = stdout.split("RESTORING");
    const last = (text: string): number => Number([...text.matchAll(/tick (\d+)/g)].at(-1)?.[1]);
    assert.ok(last(after) > last(before), stdout);
    assert.match(after, /stdin is no terminal[\s\S]*without: 2/);
    const [its, ours] = readFileSync(join(directory.path, "terminal"), "utf8").split("\n");
    assert.equal(its, ours);
  });
}

test("restore says before CRIU starts that --shell-job needs a terminal", { skip: noCriu }, async () => {
  using directory = temporaryDirectory();
  const images = join(directory.path, "images");
  const log = join(directory.path, "log");
  const started = await runCli("bun", ["run", "--json", "--log", log, "--", "sleep", "60"]);
  const dump = await runCli("bun", ["dump", JSON.parse(started.out).pid, "-D", images, "--unaware"]);
  assert.equal(dump.code, 0, dump.err);
  for (const engine of ["rpc", "command"]) {
    const restore = await runCli("bun", ["restore", images, "--engine", engine, "--criu-option", "--shell-job"]);
    assert.equal(restore.code, 2, restore.err);
    assert.match(restore.err, /stdin is no terminal/);
  }
});

/** `criu-aware inspect` and `doctor`: what they find is true. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { App } from "../support/app.ts";
import { startProgram } from "../support/child.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu, shell } from "../support/criu.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";
import { inSmallNamespace, quoted } from "../support/small_namespace.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

for (const runtime of runtimes) {
  test(`criu-aware in ${runtime}: inspect names what blocks with its cure, and nothing in an app that can be dumped`, {
    skip,
  }, async () => {
    await using app = await App.start("bun");
    const clean = await runCli(runtime, ["inspect", app.pid]);
    assert.equal(clean.code, 0, clean.out);
    assert.match(clean.out, /^Nothing of process \d+ blocks a dump\.$/m);

    using directory = temporaryDirectory();
    const log = join(directory.path, "log");
    const script = `exec 9>${join(directory.path, "lock")}; flock 9; echo locked; exec sleep 60`;
    const pid = Number((await runCli(runtime, ["run", "--log", log, "--", "sh", "-c", script])).out);
    await waitFor("the lock", () => readFileSync(log, "utf8") === "locked\n");
    const blocked = await runCli(runtime, ["inspect", pid]);
    assert.equal(blocked.code, 1);
    assert.match(blocked.out, /^blocks +process \d+, fd 9: a file lock/m);
    const told = blocked.out.replace(/\s+/g, " ");
    assert.match(told, /→ close the file before the checkpoint \(SQLite: .*\); or --file-locks: an image is of no use/);
    assert.match(told, /No process of the tree is attached: nobody is told of a dump, which needs --unaware\./);
    assert.ok(blocked.out.split("\n").every((line) => line.length <= 80));
    const { blockers } = JSON.parse((await runCli(runtime, ["inspect", pid, "--json"])).out);
    assert.ok(blockers.some(({ kind, blocking }: { kind: string; blocking: boolean }) => kind === "lock" && blocking));
    const cured = await runCli(runtime, ["inspect", pid, "--criu-option", "--file-locks"]);
    assert.equal(cured.code, 0);
    assert.match(cured.out, /^cured +process \d+, fd 9: a file lock/m);
    process.kill(pid, "SIGKILL");
    assert.equal((await runCli(runtime, ["inspect", 4_194_300])).code, 2);
  });

  test(`criu-aware in ${runtime}: inspect tells which resources may release what blocks`, { skip }, async () => {
    await using app = await App.start("bun", { lock: true, resources: [{ name: "database" }] });
    const { code, out } = await runCli(runtime, ["inspect", app.pid]);
    assert.equal(code, 1);
    assert.match(
      out.replace(/\s+/g, " "),
      new RegExp(`Process ${app.pid} has resources that may release some of this before a dump: [^.]*database`),
    );
  });

  test(`criu-aware in ${runtime}: inspect tells that a process is stopped, has ended, or holds the command itself`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    process.kill(app.pid, "SIGSTOP");
    const stopped = await runCli(runtime, ["inspect", app.pid]);
    assert.equal(stopped.code, 1);
    assert.match(stopped.out, /^blocks +process \d+: it is stopped \(SIGSTOP\)/m);
    assert.ok(stopped.out.split("\n").every((line) => line.length <= 80));
    process.kill(app.pid, "SIGCONT");

    // Nobody reaps its child, which ends later than the shell: exec makes a sleep of that.
    await using parent = startProgram("sh", ["-c", "sleep 0.5 & echo $!; exec sleep 60"]);
    const ended = Number(await parent.nextLine());
    await waitFor("the child to end", () => readFileSync(`/proc/${ended}/stat`, "utf8").includes(") Z "));
    const found = await runCli(runtime, ["inspect", ended]);
    assert.equal(found.code, 1);
    assert.match(found.out, /^blocks +process \d+: it has ended, and waits/m);

    const above = await runCli(runtime, ["inspect", process.pid]);
    assert.equal(above.code, 1);
    assert.match(above.out, /this very command runs below it/);
    const none = join(directory.path, "images");
    const dump = await runCli(runtime, ["dump", process.pid, "-D", none]);
    assert.deepEqual([dump.code, existsSync(none)], [2, false]);
    assert.match(
      dump.err,
      new RegExp(
        `^criu-aware dump: Cannot dump process \\d+: this very command runs below it, and CRIU .*, such as ${app.pid}, which is attached\\.$`,
      ),
    );
    const notify = await runCli(runtime, ["notify", process.pid, "--", "true"]);
    assert.equal(notify.code, 2);
    assert.match(notify.err, /Cannot notify process \d+: this very command runs below it, .*, such as \d+, which is /);
    assert.deepEqual(app.named("before"), []);
  });

  test(`criu-aware in ${runtime}: doctor says that dumps work here, after a real one`, { skip }, async () => {
    const { code, out, err } = await runCli(runtime, ["doctor"]);
    assert.equal(code, 0, out + err);
    assert.match(out, /^ok +criu +4\.\d/m);
    assert.match(out, /^ok +trial +a process with a listening socket was dumped and restored$/m);
    assert.match(out, /^Dumps work here\.$/m);
  });
}

test("what blocks is told for each descriptor, and its cure once, by inspect and by a dump that is refused", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const path = (name: string): string => join(directory.path, name);
  const script = `exec 8>${path("a")} 9>${path("b")}; flock 8; flock 9; echo locked; exec sleep 60`;
  await using locking = startProgram("setsid", ["sh", "-c", script]);
  await locking.nextLine();
  const { pid } = locking;
  const inspected = await runCli("bun", ["inspect", pid]);
  const dumped = await runCli("bun", ["dump", pid, "-D", path("images"), "--unaware"]);
  assert.match(
    inspected.out,
    /^blocks {3}process \d+, fd 8: [^→]*^blocks {3}process \d+, fd 9: [^→]*^ {9}→ close the file/m,
  );
  assert.match(
    dumped.err,
    /^ {2}process \d+: descriptor 8: a file lock [^→]*^ {2}process \d+: descriptor 9: a file lock [^→]*^ {2}→ close the file/m,
  );
  for (const text of [inspected.out, dumped.err]) assert.equal(text.match(/close the file before/g)?.length, 1, text);
  const { error } = JSON.parse((await runCli("bun", ["dump", pid, "-D", path("images"), "--unaware", "--json"])).out);
  const cures = error.refusals.filter(({ cure }: { cure?: string }) => cure?.startsWith("close the file before"));
  assert.equal(cures.length, 2);
});

test("a dump of run --foreground itself names the program to dump, as inspect does", { skip }, async () => {
  using directory = temporaryDirectory();
  await using run = startProgram("sh", [
    "-c",
    'exec "$@" 2>&1',
    "sh",
    ...runCommand.bun,
    cli,
    "run",
    "--foreground",
    "--",
    "sleep",
    "60",
  ]);
  const program = /started process (\d+)/.exec(await run.nextLine())?.[1];
  try {
    const said = new RegExp(`it is criu-aware run --foreground, .*: dump that, process ${program}`);
    const dump = await runCli("bun", ["dump", run.pid, "-D", join(directory.path, "images"), "--unaware"]);
    assert.equal(dump.code, 2);
    assert.match(dump.err, said);
    assert.match((await runCli("bun", ["inspect", run.pid])).out.replace(/\s+/g, " "), said);
  } finally {
    process.kill(Number(program), "SIGKILL");
  }
});

test("what only waits for run --foreground, as bunx does, is no root of a dump or a notice, and the program is named", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  const run = [...runCommand.bun, cli, "run", "--foreground", "--", "sleep", "60"];
  // Two shells that do more afterwards, and so become nothing else.
  const wrapper = ["-c", 'sh -c \'"$@" 2>&1; exit\' sh "$@"; exit', "sh", ...run];
  await using outer = startProgram("sh", wrapper);
  const program = /started process (\d+)/.exec(await outer.nextLine())?.[1];
  try {
    const said = new RegExp(`or waits for that, .*: dump that, process ${program}\\b`);
    const dump = await runCli("bun", ["dump", outer.pid, "-D", join(directory.path, "images"), "--unaware"]);
    assert.deepEqual([dump.code, existsSync(join(directory.path, "images"))], [2, false]);
    assert.match(dump.err, said);
    assert.match((await runCli("bun", ["inspect", outer.pid])).out.replace(/\s+/g, " "), said);
  } finally {
    process.kill(Number(program), "SIGKILL");
    await outer.ended;
  }
});

test("inspect tells of a page that is only that of another program", { skip }, async () => {
  await using app = await App.start("bun");
  const page = shell(
    `ls -l /proc/${app.pid}/fd | sed -n 's|.* \\([0-9]*\\) -> /memfd:criu-aware (deleted)|\\1|p'`,
  ).trim();
  await using borrower = startProgram("sh", ["-c", `exec 9<>/proc/${app.pid}/fd/${page}; echo ready; exec sleep 60`]);
  await borrower.nextLine();
  const { out } = await runCli("bun", ["inspect", borrower.pid]);
  const told = out.replace(/\s+/g, " ");
  assert.match(told, /No process of the tree is attached: nobody is told of a dump, which needs --unaware\./);
  assert.ok(told.includes(`Process ${borrower.pid} only has the page of another program, from which it was started.`));
  const alone = await runCli("bun", ["inspect", app.pid]);
  assert.doesNotMatch(alone.out, /page of another program/);
});

test("doctor says where CRIU examines the kernel at each start, and its cure works", { skip }, async () => {
  using directory = temporaryDirectory();
  const doctor = async (mount: string): Promise<string> => {
    const script = ["sh", "-c", `${mount} && exec "$@"`, "sh"];
    return (await startProgram("unshare", ["--mount", ...script, ...runCommand.bun, cli, "doctor"]).ended).stdout;
  };
  assert.match(
    await doctor(`mount --bind ${directory.path} /run && mount -o remount,bind,ro /run`),
    /^note +kernel cache +CRIU examines the kernel at each start[\s\S]*→ mount -t tmpfs tmpfs \/run/m,
  );
  assert.match(await doctor("mount -t tmpfs tmpfs /run"), /^ok +kernel cache +\/run\/criu\.kdat$/m);
});

test("doctor is exit code 1 where a dump could not work, and says what to do", { skip }, async () => {
  using directory = temporaryDirectory();
  const criu = join(directory.path, "criu");
  const pretend = async (script: string): Promise<string> => {
    writeFileSync(criu, `#!/bin/sh\n${script}\n`);
    chmodSync(criu, 0o755);
    const { code, out } = await runCli("bun", ["doctor", "--criu", criu]);
    assert.equal(code, 1, out);
    assert.ok(out.split("\n").every((line) => line.length <= 80 || !line.includes(" ", 40)));
    assert.match(out, /^A dump could not work here\.$/m);
    return out;
  };
  assert.match(
    await pretend("echo Version: 3.17.1"),
    /^fails +criu +CRIU 3\.17\.1 is too old[\s\S]*→ Run: npm run setup$/m,
  );
  const broken = await pretend('[ "$1" = --version ] && echo Version: 4.2.1 && exit\nexit 1');
  assert.match(broken, /^note +criu check/m);
  assert.match(broken, /^fails +trial/m);
  const { works } = JSON.parse((await runCli("bun", ["doctor", "--json", "--criu", "/no/such/criu"])).out);
  assert.equal(works, false);
});

test("the trial of doctor ends nobody who has got the pid of its process meanwhile", { skip }, async () => {
  using directory = temporaryDirectory();
  const criu = join(directory.path, "criu");
  const victim = join(directory.path, "victim");
  // One that has the pid when the restore fails, and one that the pid file of a restore names.
  const script = `#!/bin/bash
case $1 in
  --version) echo Version: 4.2.1;;
  dump) echo $3 >${victim}; kill -KILL $3;;
  restore)
    v=$(cat ${victim})
    for try in $(seq 50); do
      echo $((v - 1)) >/proc/sys/kernel/ns_last_pid
      sleep 300 >/dev/null 2>&1 &
      [ $! = $v ] && touch ${victim}.taken && break
      kill $!
    done
    [ -n "$SUCCEEDS" ] || exit 1
    while [ $# -gt 1 ]; do [ $1 = --pidfile ] && echo $v >$2; shift; done;;
esac
`;
  writeFileSync(criu, script, { mode: 0o755 });
  const doctor = `${quoted([...runCommand.bun, cli, "doctor", "--json", "--criu", criu])} 2>&1 >/dev/null`;
  for (const env of ["SUCCEEDS=", "SUCCEEDS=1"]) {
    // A thread of doctor may have got the pid: once more, then.
    const untilTaken = `for try in 1 2 3 4 5; do ${env} ${doctor}; [ -e ${victim}.taken ] && break; done; rm ${victim}.taken`;
    const look = `tr '\\0' ' ' </proc/$(cat ${victim})/cmdline`;
    const { text } = await inSmallNamespace(directory.path, `${untilTaken}\n${look}`);
    assert.equal(text, "sleep 300 ", env);
  }
});

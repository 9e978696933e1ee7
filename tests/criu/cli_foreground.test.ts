/** `criu-aware run --foreground`: where the output of a program goes, and its life as an init would lead it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { aliveSince } from "../../ffi/process.ts";
import { end } from "../support/child.ts";
import { cli, runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const started: ChildProcess[] = [];
// What a test that failed has left; the program gets the signal, too.
after(() => {
  for (const child of started) child.kill("SIGTERM");
});

interface Foreground {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  out(): string;
  err(): string;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `run --foreground`, its streams in files. `before` are words before it, such as nohup. */
function foreground(
  runtime: RuntimeName,
  directory: string,
  words: readonly string[],
  before: readonly string[] = [],
): Foreground {
  const [program = "", ...rest] = [...before, ...runCommand[runtime], cli, "run", "--foreground", ...words];
  const paths = ["out", "err"].map((name) => join(directory, `${name}-${Math.random()}`)) as [string, string];
  const [out, err] = paths.map((path) => openSync(path, "a")) as [number, number];
  const child = spawn(program, rest, { stdio: ["ignore", out, err], cwd: directory });
  started.push(child);
  for (const fd of [out, err]) closeSync(fd);
  return {
    pid: child.pid as number,
    ended: new Promise((resolve) => child.once("exit", (code) => resolve(code))),
    out: () => readFileSync(paths[0], "utf8"),
    err: () => readFileSync(paths[1], "utf8"),
    kill: (signal) => void child.kill(signal),
  };
}

/** The pid that it says on its stderr. */
async function programOf({ err }: Foreground, how = "started"): Promise<number> {
  const line = new RegExp(
    `^criu-aware run: ${how === "started" ? "started process (\\d+)$" : "restored (\\d+) from "}`,
    "m",
  );
  await waitFor("the program to run", () => line.test(err()), 10_000);
  return Number(line.exec(err())?.[1]);
}

for (const runtime of runtimes) {
  test(`run --foreground in ${runtime} passes on all output, stdout and stderr apart, before and after a restore`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const images = join(directory.path, "images");
    const loop = "seq 1 50000; i=0; while :; do i=$((i+1)); echo tick $i; echo tock $i >&2; sleep 0.05; done";
    const first = foreground(runtime, directory.path, ["--", "sh", "-c", loop]);
    const pid = await programOf(first);
    await waitFor("some output", () => first.out().includes("tick 5\n"), 10_000);
    const dump = await runCli("bun", ["dump", pid, "-D", images, "--unaware"]);
    assert.equal(dump.code, 0, dump.err);
    assert.equal(await first.ended, 0);
    assert.ok(first.err().includes(`dumped to ${images}; it ends here. Restore it with: criu-aware restore ${images}`));

    const words = ["--restore-or-start", images, "--", "sh", "-c", loop];
    const second = foreground(runtime, directory.path, words);
    await programOf(second, "restored");
    assert.equal(second.err().match(/restored/g)?.length, 1, second.err());
    await waitFor("output of the new life", () => (second.err().match(/^tock/gm)?.length ?? 0) >= 5, 10_000);
    second.kill("SIGTERM");
    assert.equal(await second.ended, 143);

    const numbers = (text: string, word: string): number[] =>
      [...text.matchAll(new RegExp(`^${word} (\\d+)$`, "gm"))].map(([, number]) => Number(number));
    const counted = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
    assert.equal(first.out().split("\n").slice(0, 50_000).join(), counted(50_000).join());
    for (const [word, stream] of [
      ["tick", "out"],
      ["tock", "err"],
    ] as const) {
      const seen = numbers(first[stream]() + second[stream](), word);
      assert.deepEqual(seen, counted(seen.length));
    }
    assert.equal(first.out().includes("tock"), false);
  });

  test(`the program of run --foreground in ${runtime} goes on when nobody reads its output any more`, async () => {
    using directory = temporaryDirectory();
    const done = join(directory.path, "done");
    const [program = "", ...rest] = [...runCommand[runtime], cli, "run", "--foreground"];
    const script = `seq 1 100000; echo done > ${done}; exit 4`;
    const child = spawn(program, [...rest, "--", "sh", "-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    child.stdout.once("data", () => child.stdout.destroy());
    assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 4);
    assert.ok(existsSync(done));
  });

  test(`run --foreground in ${runtime} keeps ignored what it was started to ignore, as nohup does`, async () => {
    using directory = temporaryDirectory();
    const script = "grep SigIgn /proc/self/status; echo ready; while :; do sleep 0.05; done";
    const run = foreground(runtime, directory.path, ["--", "sh", "-c", script], ["nohup"]);
    await waitFor("the program to start", () => run.out().includes("ready"), 10_000);
    const pid = await programOf(run);
    assert.equal(Number.parseInt(/SigIgn:\s*(\w+)/.exec(run.out())?.[1] ?? "", 16) & 1, 1);
    run.kill("SIGHUP");
    run.kill("SIGWINCH");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(aliveSince(pid) && aliveSince(run.pid));
    run.kill("SIGTERM");
    assert.equal(await run.ended, 143);
  });

  test(`a signal that comes twice at once is one for the program of run --foreground in ${runtime}`, async () => {
    using directory = temporaryDirectory();
    const script =
      "n=0; trap 'n=$((n+1)); echo int $n' INT; trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done";
    const run = foreground(runtime, directory.path, ["--", "sh", "-c", script]);
    await waitFor("the program to start", () => run.out().includes("ready"), 10_000);
    await programOf(run);
    run.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 30));
    run.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 300));
    run.kill("SIGINT");
    await waitFor("the second Ctrl-C", () => run.out().includes("int 2"), 10_000);
    run.kill("SIGTERM");
    assert.equal(await run.ended, 0);
    assert.equal(run.out().includes("int 3"), false);
  });

  test(`Ctrl-Z of run --foreground in ${runtime} stops its program as well, until both go on`, async () => {
    using directory = temporaryDirectory();
    const run = foreground(runtime, directory.path, ["--", "sleep", "60"]);
    const pid = await programOf(run);
    const state = (of: number): string => readFileSync(`/proc/${of}/stat`, "utf8").split(") ")[1]?.[0] ?? "";
    run.kill("SIGTSTP");
    await waitFor("both to stop", () => state(pid) === "T" && state(run.pid) === "T", 10_000);
    run.kill("SIGCONT");
    await waitFor("both to go on", () => state(pid) !== "T" && state(run.pid) !== "T", 10_000);
    run.kill("SIGTERM");
    assert.equal(await run.ended, 143);
  });

  test(`run in ${runtime} --restore-or-start keeps a program that ends with its parent, whatever mode its log has`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const images = join(directory.path, "images");
    const log = join(directory.path, "log");
    const loop = "echo ready; while :; do sleep 0.05; done";
    const command = ["--", "setpriv", "--pdeathsig", "TERM", "sh", "-c", loop];
    const first = foreground(runtime, directory.path, ["--log", log, ...command]);
    await waitFor("the program to start", () => existsSync(log) && readFileSync(log, "utf8").includes("ready"), 10_000);
    await waitFor("its pid", () => first.out() !== "", 10_000);
    const pid = Number(first.out());
    const dump = await runCli("bun", ["dump", pid, "-D", images, "--unaware"]);
    assert.equal(dump.code, 0, dump.err);
    await first.ended;
    chmodSync(log, 0o644);
    const options = ["--criu-option", "--tcp-close", "--criu-option=--ghost-limit=2M"];
    const second = foreground(runtime, directory.path, [
      "--log",
      log,
      ...options,
      "--restore-or-start",
      images,
      ...command,
    ]);
    await waitFor("the restore", () => second.out() !== "", 10_000);
    try {
      assert.equal(second.out(), `${pid}\n`, second.err());
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(aliveSince(pid));
    } finally {
      await end(pid);
    }
    assert.equal(await second.ended, 137);
  });
}

test("run says what to do for --log -, for --json without a log, and for a wrong option of a restore", async () => {
  for (const [words, message] of [
    [["--log", "-"], /give --foreground and no --log/],
    [["--foreground", "--json"], /give --log FILE/],
    [["--criu-option", "--tcp-close"], /give --restore-or-start DIR/],
    [["--clock", "continue"], /--clock is for a restore: give --restore-or-start DIR/],
    [["--restore-or-start", "none", "--criu-option", "--nonsense"], /Cannot use these options of CRIU/],
  ] as const) {
    const ran = await runCli("bun", ["run", ...words, "--", "true"]);
    assert.equal(ran.code, 2, ran.err);
    assert.match(ran.err, message);
  }
});

test("run gives Deno a cache without locks, with the modules of the user's own", { skip }, async () => {
  using directory = temporaryDirectory();
  const cache = join(directory.path, "cache");
  const app = join(directory.path, "app.ts");
  const images = join(directory.path, "images");
  const code =
    'import { z } from "npm:zod@4";\nconsole.log(z.string().parse("parsed"));\nsetInterval(() => {}, 1000);\n';
  writeFileSync(app, code);
  const env = { XDG_CACHE_HOME: cache, DENO_DIR: "" };
  const log = join(directory.path, "log");
  const words = ["run", "--json", "--log", log, "--", ...runCommand.deno, app];
  const started = await runCli("bun", words, env);
  const { pid } = JSON.parse(started.out);
  try {
    assert.match(started.err, /DENO_DIR is .*criu-aware\/deno/);
    await waitFor("the program to start", () => readFileSync(log, "utf8").includes("parsed"), 30_000);
    const registries = readdirSync(join(cache, "deno/npm"));
    assert.ok(
      registries.some((registry) => existsSync(join(cache, "deno/npm", registry, "zod"))),
      "in the user's own cache",
    );
    const dump = await runCli("bun", ["dump", pid, "-D", images, "--unaware", "--criu-option", "--tcp-close"]);
    assert.equal(dump.code, 0, dump.err);
    await waitFor("the process to vanish", () => !existsSync(`/proc/${pid}`), 10_000);
    const restored = await runCli("bun", ["restore", images]);
    assert.equal(restored.code, 0, restored.err);
  } finally {
    await end(pid);
  }
});

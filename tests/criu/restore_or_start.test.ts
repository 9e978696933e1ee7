/** `criu-aware run --restore-or-start`: never another program than the one that was asked for, and never one that is half rebuilt. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { aliveSince } from "../../ffi/process.ts";
import { processTree } from "../../ffi/process_tree.ts";
import { end, startProgram } from "../support/child.ts";
import { cli, type Ran } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { dumpableEnv, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const root = join(import.meta.dirname as string, "../..");

/** An app in a directory of its own, and the command there. */
class Service implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly path = this.#directory.path;
  readonly images = join(this.path, "images");
  readonly #pids = new Set<number>();

  constructor(afterRestore = "", more = "") {
    this.write("part.ts", `export const part = "old";`);
    this.write(
      "app.ts",
      `import { attach } from "criu-aware";
       import { signal } from "criu-aware/strategies/signal";
       import { part } from "./part.ts";
       const agent = await attach({ strategies: [signal()], onError: () => {} });
       agent.register({ name: "main", async afterRestore({ outcome }) { ${afterRestore} } });
       ${more}
       setInterval(() => {}, 1000);
       console.log("started", part);`,
    );
    mkdirSync(join(this.path, "node_modules"));
    symlinkSync(root, join(this.path, "node_modules/criu-aware"));
    writeFileSync(join(this.path, "deno.json"), JSON.stringify({ links: [root], imports: imports() }));
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  /** `criu-aware` in the directory of the app, or another one. */
  async aware(words: readonly (string | number)[], cwd = this.path, env: Record<string, string> = {}): Promise<Ran> {
    const shell = ["-c", 'cd "$1" && shift && exec "$@"', "sh", cwd, ...runCommand.bun, cli, ...words.map(String)];
    const { code, stdout, stderr } = await startProgram("sh", shell, { ...dumpableEnv, ...env }).ended;
    return { code, out: stdout.trimEnd(), err: stderr.trimEnd() };
  }

  /** Starts or restores; returns what it says with --json, and on stderr. */
  async run(
    command: readonly string[],
    flags: readonly (string | number)[] = [],
    cwd = this.path,
    env: Record<string, string> = {},
  ): Promise<Started> {
    const words = ["--restore-or-start", this.images, ...flags];
    const ran = await this.aware(
      ["run", "--json", "--log", join(this.path, "log"), "--wait", ...words, "--", ...command],
      cwd,
      env,
    );
    const value = JSON.parse(ran.out);
    assert.ok(value.pid, ran.err);
    this.#pids.add(value.pid);
    return { ...value, err: ran.err, code: ran.code };
  }

  async dump(pid: number, ...flags: string[]): Promise<Ran> {
    const ran = await this.aware(["dump", pid, "-D", this.images, ...flags]);
    if (!flags.includes("--leave-running"))
      await waitFor("the pid to be free", () => !existsSync(`/proc/${pid}`), 10_000);
    return ran;
  }

  /** Ends what runs, so that it can be restored again. */
  async stop(): Promise<void> {
    for (const pid of this.#pids) for (const member of processTree(pid)) await end(member);
    this.#pids.clear();
  }

  log(): string {
    return readFileSync(join(this.path, "log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#directory[Symbol.dispose]();
  }
}

interface Started {
  readonly pid: number;
  readonly how: string;
  readonly why?: string;
  readonly generation?: number;
  readonly errors: readonly string[];
  readonly dump?: { readonly imagesDir: string; readonly createdAt: string };
  readonly err: string;
  readonly code: number | null;
}

/** What the checkout maps for Deno, from elsewhere. */
function imports(): Record<string, string> {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.fromEntries(
    Object.entries(exports).map(([name, path]) => [name.replace(".", "criu-aware"), join(root, path as string)]),
  );
}

for (const runtime of runtimes) {
  test(`${runtime}: the program that was dumped is restored, and another one is started, each with a line that says why`, {
    skip,
  }, async () => {
    await using service = new Service();
    const command = [...runCommand[runtime], "app.ts"];
    service.write("other.ts", readFileSync(join(service.path, "app.ts"), "utf8"));
    const { pid, how, why } = await service.run(command);
    assert.deepEqual([how, why], ["started", `there is no image in ${service.images}`]);
    const dumped = await service.dump(pid);
    assert.equal(dumped.code, 0, dumped.err);

    const restored = await service.run(command);
    assert.deepEqual([restored.how, restored.pid, restored.generation, restored.errors], ["restored", pid, 1, []]);
    assert.equal(restored.dump?.imagesDir, service.images);
    assert.match(restored.err, /^criu-aware run: restored \d+ from the dump of \S+ \d\d:\d\d in \/.*, generation 1$/);
    await service.stop();

    const expectStart = async (words: readonly string[], reason: RegExp, cwd?: string): Promise<void> => {
      const started = await service.run(words, [], cwd);
      assert.equal(started.how, "started");
      assert.match(started.why ?? "", reason);
      assert.equal(started.err, `criu-aware run: not restored: ${started.why}`);
      await service.stop();
    };
    await expectStart([...runCommand[runtime], "other.ts"], /^other arguments: the dump is of ".* app\.ts"/);
    await expectStart([...command, "--port=1"], /^other arguments/);
    service.write("part.ts", `export const part = "new";`);
    await expectStart(command, /^part\.ts has changed since the dump of /);
    assert.match(service.log(), /started new\n$/);
    service.write("part.ts", `export const part = "old";`);
    assert.equal((await service.run(command)).how, "restored");
  });

  for (const [does, error] of [
    [`throw new Error("no route");`, /process \d+: main: no route$/],
    [`if (outcome === "restored") process.exit(3);`, /process \d+: it has ended since it was let go/],
    [`await new Promise(() => {});`, /process \d+: it is not done after 1500 ms/],
  ] as const) {
    test(`${runtime}: a program that cannot rebuild itself is ended and started afresh: ${does}`, {
      skip,
    }, async () => {
      await using service = new Service(does);
      const command = [...runCommand[runtime], "app.ts"];
      const { pid } = await service.run(command);
      assert.equal((await service.dump(pid)).code, 0);
      const again = await service.run(command, ["--timeout-ms", 1500]);
      assert.equal(again.how, "started");
      assert.match(again.why ?? "", /^its recovery failed: /);
      assert.match(again.why ?? "", error);
      assert.notEqual(again.pid, pid);
      assert.equal(aliveSince(pid), undefined);
      assert.ok(aliveSince(again.pid));
      assert.equal(service.log().split("started old").length, 3);
    });
  }
}

test("run --recovery keep leaves a program that could not rebuild everything, and says so with an exit code of its own", {
  skip,
}, async () => {
  await using service = new Service(`throw new Error("no route");`);
  const command = [...runCommand.bun, "app.ts"];
  const { pid } = await service.run(command);
  assert.equal((await service.dump(pid)).code, 0);
  const kept = await service.run(command, ["--recovery", "keep"]);
  assert.deepEqual([kept.how, kept.pid, kept.code], ["restored", pid, 4]);
  assert.deepEqual(kept.errors, [`process ${pid}: main: no route`]);
  assert.match(kept.err, /restored in part only: process \d+: main: no route$/m);
  const status = await service.aware(["status", pid]);
  assert.match(status.out, /not rebuilt +main: no route/);
  const { errors } = JSON.parse((await service.aware(["status", pid, "--json"])).out);
  assert.deepEqual(errors, [{ resource: "main", message: "no route" }]);
});

for (const engine of ["rpc", "command"] as const) {
  test(`${engine}: a dump that leaves the program running says what that could not rebuild`, { skip }, async () => {
    await using service = new Service(`throw new Error("no route");`);
    const { pid } = await service.run([...runCommand.bun, "app.ts"]);
    const dumped = await service.dump(pid, "--leave-running", "--engine", engine, "--json");
    assert.equal(dumped.code, 4, dumped.err);
    const { processes } = JSON.parse(dumped.out);
    const [{ outcome, errors }] = processes;
    assert.deepEqual([outcome, errors], ["continued", [{ resource: "main", message: "no route" }]]);
  });
}

test("another directory, another build of the runtime and a changed file that was named start the program", {
  skip,
}, async () => {
  await using service = new Service();
  const bun = join(service.path, "bun");
  copyFileSync(runCommand.bun[0] as string, bun);
  service.write("data.txt", "1");
  const command = [bun, "run", join(service.path, "app.ts")];
  const { pid } = await service.run(command);
  assert.equal((await service.dump(pid, "--depends", "data.txt")).code, 0);
  const elsewhere = await service.run(command, [], "/");
  assert.match(elsewhere.why ?? "", /^another working directory: the dump is of .*, and this is \/$/);
  await service.stop();
  service.write("data.txt", "2");
  assert.match((await service.run(command)).why ?? "", /^data\.txt has changed/);
  await service.stop();
  service.write("data.txt", "1");
  const usual = await service.run([...runCommand.bun, join(service.path, "app.ts")]);
  assert.match(usual.why ?? "", /^another program: the dump is of .*\/bun, and this is /);
  await service.stop();
  assert.equal((await service.run(command)).how, "restored");
  await service.stop();
  // As `bun upgrade` does.
  copyFileSync(runCommand.bun[0] as string, `${bun}.new`);
  renameSync(`${bun}.new`, bun);
  assert.match((await service.run(command)).why ?? "", /^bun has changed since the dump of /);
});

test("restore brings back what was dumped also when its script was edited since, and says so", { skip }, async () => {
  await using service = new Service();
  const { pid } = await service.run([...runCommand.bun, "app.ts"]);
  assert.equal((await service.dump(pid)).code, 0);
  const text = readFileSync(join(service.path, "app.ts"), "utf8");
  service.write("app.ts", `${text}// edited`);
  const edited = await service.aware(["restore", service.images]);
  assert.equal(edited.code, 0, edited.err);
  assert.match(
    edited.err,
    /^criu-aware restore: app\.ts has changed since the dump of \S+ \S+\. What is restored has loaded/,
  );
  await end(pid);
  service.write("app.ts", text);
  assert.equal((await service.aware(["restore", service.images])).err, "");
  await end(pid);
});

test("a script of package.json is known by what it starts", { skip }, async () => {
  await using service = new Service();
  service.write("package.json", JSON.stringify({ scripts: { start: `${runCommand.bun.join(" ")} app.ts` } }));
  const command = [...runCommand.bun, "start"];
  const { pid } = await service.run(command);
  assert.equal((await service.dump(pid)).code, 0);
  assert.equal((await service.run(command)).how, "restored");
  await service.stop();
  service.write("part.ts", `export const part = "new";`);
  assert.match((await service.run(command)).why ?? "", /^part\.ts has changed/);
});

for (const runtime of runtimes) {
  test(`${runtime}: a program that acts on its launch is restored with the arguments and the environment of now, and another one never`, {
    skip,
  }, async () => {
    const renewed = `
      const { environment } = await import("criu-aware/resources/environment");
      agent.register(environment({ envGate: ["REGION"] }));
      agent.register({ name: "say", afterRestore: () => console.log("now", process.env.LEVEL, ...process.argv.slice(2)) });`;
    await using service = new Service("", renewed);
    const command = [...runCommand[runtime], "app.ts"];
    const run = (words: readonly string[], env = {}): Promise<Started> =>
      service.run(words, [], service.path, { LEVEL: "1", REGION: "north", ...env });
    const { pid } = await run([...command, "--port=1"]);
    assert.equal((await service.dump(pid)).code, 0);
    const expectRestored = async (
      args: readonly string[],
      env: Record<string, string>,
      said: string,
    ): Promise<void> => {
      const { how, why } = await run([...command, ...args], env);
      assert.deepEqual([how, why], ["restored", undefined]);
      assert.ok(service.log().endsWith(`${said}\n`), service.log());
      await service.stop();
    };
    await expectRestored(["--port=2", "more"], { LEVEL: "2" }, "now 2 --port=2 more");
    await expectRestored([], {}, "now 1");
    await expectRestored(["--port=1"], { LEVEL: "3" }, "now 3 --port=1");
    const gated = await run([...command, "--port=1"], { REGION: "south" });
    assert.deepEqual([gated.how, gated.why], ["started", "another value of REGION (envGate of the app)"]);
    await service.stop();
    const flag = runtime === "bun" ? "--smol" : "--quiet";
    const other = await run([...runCommand[runtime], flag, "app.ts", "--port=1"]);
    assert.match(other.why ?? "", /^other arguments/);
  });
}

test("a program of which a shell has made the arguments is started anew for other ones", { skip }, async () => {
  const renewed = `
    const { environment } = await import("criu-aware/resources/environment");
    agent.register(environment());`;
  await using service = new Service("", renewed);
  const command = ["sh", "-c", 'exec "$@" fixed', "sh", ...runCommand.bun, "app.ts"];
  const { pid } = await service.run([...command, "1"]);
  assert.equal((await service.dump(pid)).code, 0);
  assert.match((await service.run([...command, "2"])).why ?? "", /^other arguments/);
  await service.stop();
  assert.equal((await service.run([...command, "1"])).how, "restored");
});

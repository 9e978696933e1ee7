/** A driver of root's beside a process of another user that does all it can to lead it astray: see SECURITY.md. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { test } from "node:test";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { changesIn, type SystemCall, strace, traceOptions } from "../support/system_calls.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const NOBODY = 65534;
const ROUNDS = Number(process.env.HOSTILE_ROUNDS ?? 1000);
/** Much more than any of them may take: their own limit is 30 ms. */
const LIMIT_MS = 10_000;
const strategies = ["any", "signal", "socket", "file"] as const;
const support = join(import.meta.dirname as string, "../support");
/** Errors that say what is the matter. All others are crashes. */
const typed = /^(PageError|DumpRefusedError|UsageError|CriuError): /;

/** A program that is asked line by line. */
class Asked implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(command: readonly string[]) {
    const [program, ...args] = command as [string, ...string[]];
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = new Promise((resolve) => this.#child.once("exit", resolve));
    const lines: Interface = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("it ended");
    return value;
  }

  ask(line: string): Promise<string> {
    this.#child.stdin?.write(`${line}\n`);
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#ended;
    clearTimeout(timer);
  }
}

test(`${ROUNDS} hostile pages: nothing is opened for writing but pages and markers, nobody is signalled but the app`, {
  skip: noCriu || (strace ? false : "strace is missing"),
  timeout: 600_000,
}, async () => {
  using place = temporaryDirectory();
  chmodSync(place.path, 0o755);
  const at = (name: string): string => join(place.path, name);
  const [own, images, trace, temporary] = [at("own"), at("images"), at("trace"), at("temporary")];
  const sentinel = join(place.path, "sentinel");
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  mkdirSync(images, { mode: 0o700 });
  mkdirSync(temporary, { mode: 0o700 });
  writeFileSync(sentinel, "sentinel", { mode: 0o600 });
  await using victim = await App.start("bun", { strategies: ["socket"] });
  chmodSync(victim.directory, 0o755);

  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "unshare", "-Urm"];
  const app = [...runCommand.bun, join(support, "hostile_app.ts"), own, join(victim.directory, "socket"), sentinel];
  await using hostile = new Asked(["setpriv", ...asNobody, ...app]);
  const { kinds, alike } = JSON.parse(await hostile.next());
  const seen = new Set<string>();
  const faults = new Set<string>();
  {
    const driver = [
      "env",
      `TMPDIR=${temporary}`,
      ...runCommand.bun,
      join(support, "hostile_driver.ts"),
      String(hostile.pid),
      images,
    ];
    await using asked = new Asked([strace as string, "-o", trace, ...traceOptions, ...driver]);
    assert.equal(await asked.next(), "ready");
    for (let round = 0; round < ROUNDS; round++) {
      const kind = await hostile.ask(String(round));
      seen.add(kind);
      const strategy = strategies[Math.floor(round / kinds) % strategies.length];
      const { slowestMs, errors } = JSON.parse(await asked.ask(`${round} ${strategy}`));
      if (slowestMs > LIMIT_MS) faults.add(`${kind} by ${strategy}: ${slowestMs} ms`);
      for (const error of errors) if (!typed.test(error)) faults.add(`${kind} by ${strategy}: ${error}`);
    }
  }
  assert.equal(seen.size, kinds);
  if (victim.named("before").length > 0) faults.add("another app was told");
  if (readFileSync(sentinel, "utf8") !== "sentinel") faults.add("a file of root's was changed");

  const changes = changesIn(trace);
  const falsePages = alike.map((fd: number) => `/proc/${hostile.pid}/fd/${fd}`);
  // Looked at by a descriptor that can do nothing, and only then opened.
  const isPage = ({ text, again }: SystemCall): boolean =>
    /= \d+<\/memfd:criu-aware>/.test(text) && again !== undefined && !falsePages.includes(again);
  if (!changes.some(isPage)) faults.add("the trace shows no page that was opened: it is no trace");
  const allowed = (change: SystemCall): boolean => {
    const { name, text } = change;
    if (/kill|sigqueue|pidfd_send/.test(name)) return text.includes(`<pid:${hostile.pid}>`);
    if (isPage(change)) return true;
    // The driver's own images and temporary files, and what lies in the app's own directory: by a path, or by a descriptor of that directory.
    const named = text.replace(/AT_FDCWD<[^>]*>/g, "").replaceAll('"/proc/self/fd/', "");
    const paths = [...named.matchAll(/["<](\/[^">]*)/g)].map(([, path]) => path as string);
    const places = [
      `${images}/`,
      `${temporary}/`,
      `${own}/`,
      `${own}>`,
      `/old${own}/`,
      `/old${own}>`,
      "/dev/null<",
      "/dev/null>",
    ];
    return paths.length > 0 && paths.every((path) => places.some((start) => `${path}>`.startsWith(start)));
  };
  for (const change of changes) if (!allowed(change)) faults.add(change.text);
  assert.deepEqual([...faults], []);
});

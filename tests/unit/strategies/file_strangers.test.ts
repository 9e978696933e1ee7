/** What a driver that is root does with the marker of an app that is not: with a real second user. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import type { Reply } from "../../../lifecycle/types.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { notify } from "../../../strategies/notify.ts";
import { startScript } from "../../support/child.ts";
import { NOBODY, noNobody, startScriptAsNobody, startScriptInNamespace } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { waitFor } from "../../support/time.ts";

const skip = noNobody;

/** Everything below a directory: names, kinds, owners and contents. */
function snapshot(directory: string): string {
  return execFileSync(
    "sh",
    [
      "-c",
      `cd "$1" && find . -printf '%p %y %u %m %i %n %s\\n' | sort; find . -type f -exec cat {} +`,
      "sh",
      directory,
    ],
    {
      encoding: "utf8",
    },
  );
}

/** An app of nobody's that claims to take notices at any path. */
interface Claimer extends AsyncDisposable {
  /** Notifies it after it has claimed `path`. */
  notify(path: string, timeoutMs?: number): Promise<Reply>;
}

async function startClaimer(): Promise<Claimer> {
  await using cleanup = new AsyncDisposableStack();
  const directory = cleanup.use(temporaryDirectory());
  chmodSync(directory.path, 0o755);
  const control = `${directory.path}/claimed`;
  writeFileSync(control, "");
  const app = cleanup.use(startScriptAsNobody("claiming_app.ts", "claims", control));
  assert.equal(await app.nextLine(), "attached");
  const page = cleanup.use(await DriverPage.open(app.pid));
  const running = cleanup.move();
  let notices = 0;
  return {
    async notify(path, timeoutMs = 30) {
      writeFileSync(`${control}.new`, path);
      renameSync(`${control}.new`, control);
      await waitFor("the claim", () => page.document()?.strategies[0]?.path === path);
      return await notify(page, { id: `from-root-${++notices}` }, timeoutMs, "file");
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** A directory that everybody may look into, with one of nobody's in it. */
function places(): { readonly path: string; readonly own: string } & Disposable {
  const directory = temporaryDirectory();
  chmodSync(directory.path, 0o755);
  const own = `${directory.path}/own`;
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  return { path: directory.path, own, [Symbol.dispose]: () => directory[Symbol.dispose]() };
}

test("root writes nothing where the app itself could not, whatever path its page shows", { skip }, async () => {
  using place = places();
  const at = (name: string): string => `${place.path}/${name}`;
  writeFileSync(at("precious"), "precious");
  mkdirSync(at("sticky"));
  chmodSync(at("sticky"), 0o1777);
  mkdirSync(at("another"));
  chownSync(at("another"), 12_345, 12_345);
  mkdirSync(at("own/open"));
  chownSync(at("own/open"), NOBODY, NOBODY);
  chmodSync(at("own/open"), 0o777);
  symlinkSync(place.path, at("own/link"));
  const before = snapshot(place.path);
  const refusals: Record<string, RegExp> = {
    [at("precious")]: /its directory cannot be used, it belongs to user 0/,
    [at("absent")]: /it belongs to user 0/,
    [at("sticky/marker")]: /it belongs to user 0/,
    [at("another/marker")]: /it belongs to user 12345/,
    [at("own/open/marker")]: /others may write there/,
    [at("own/link/precious")]: /ELOOP/,
    [at("own/absent/marker")]: /ENOENT/,
    [at("precious/marker")]: /it is not a directory/,
    "/etc/passwd": /it belongs to user 0/,
    [at("own/..")]: /not the absolute path of a file/,
    [at("own/.")]: /not the absolute path of a file/,
    [at(`own/${"x".repeat(256)}`)]: /not the absolute path of a file/,
    "/": /not the absolute path of a file/,
    "relative/marker": /not the absolute path of a file/,
    "": /not the absolute path of a file/,
  };
  const passwords = readFileSync("/etc/passwd", "utf8");
  await using claimer = await startClaimer();
  for (const [path, why] of Object.entries(refusals)) {
    const reply = await claimer.notify(path);
    assert.equal(reply.reply, "refused", path);
    assert.match(String(reply.reply === "refused" && reply.reasons), why, path);
    assert.equal(snapshot(place.path), before, path);
  }
  assert.equal(readFileSync("/etc/passwd", "utf8"), passwords);
});

test("root replaces nothing in the app's directory but a marker", { skip }, async () => {
  using place = places();
  const marker = `${place.own}/marker`;
  writeFileSync(`${place.path}/precious`, "precious");
  const things: Record<string, () => void> = {
    "symbolic link": () => symlinkSync(`${place.path}/precious`, marker),
    "hard link": () => linkSync(`${place.path}/precious`, marker),
    directory: () => mkdirSync(marker),
    fifo: () => execFileSync("mkfifo", [marker]),
    device: () => execFileSync("mknod", [marker, "c", "1", "3"]),
    "file of another user": () => {
      writeFileSync(marker, "theirs");
      chownSync(marker, 12_345, 12_345);
    },
  };
  await using claimer = await startClaimer();
  for (const [what, make] of Object.entries(things)) {
    make();
    const before = snapshot(place.path);
    const reply = await claimer.notify(marker);
    assert.match(String(reply.reply === "refused" && reply.reasons), /not a marker file of this app or of root/, what);
    assert.equal(snapshot(place.path), before, what);
    execFileSync("rm", ["-r", marker]);
  }
});

test("a notice that nobody answers is taken away again", { skip }, async () => {
  using place = places();
  await using claimer = await startClaimer();
  const reply = await claimer.notify(`${place.own}/marker`);
  assert.deepEqual(reply, {
    reply: "refused",
    reasons: ["no answer within 30 ms; give the app more time (timeoutMs, --timeout-ms)"],
  });
  assert.deepEqual(readdirSync(place.own), []);
});

test("a reply counts only from the app's user or root, and is bounded", { skip }, async () => {
  using place = places();
  const marker = `${place.own}/marker`;
  const answer =
    (text: string, owner: number): (() => void) =>
    () => {
      const [id] = /from-root-\d+/.exec(readFileSync(marker, "utf8")) as unknown as [string];
      writeFileSync(`${marker}.new`, text.replace("from-root-N", id));
      chownSync(`${marker}.new`, owner, owner);
      execFileSync("mv", ["-f", `${marker}.new`, marker]);
    };
  await using claimer = await startClaimer();
  const ready = '{"id":"from-root-N","reply":"ready"}';
  const cases: readonly (readonly [() => void, RegExp])[] = [
    [answer(ready, 12_345), /no answer/],
    [answer(`${" ".repeat(30_000)}${ready}`, NOBODY), /no answer/],
    [() => execFileSync("sh", ["-c", `rm -f ${marker}; mkfifo ${marker}`]), /no answer/],
    [answer('{"id":"from-root-N","outcome":"continued"}', NOBODY), /its lease ended before that was seen/],
    // It counts; but the page says that nobody is held.
    [answer(ready, NOBODY), /another process answered in its place by file/],
  ];
  for (const [act, expected] of cases) {
    const asked = claimer.notify(marker, 300);
    await waitFor("the notice", () => readdirSync(place.own).includes("marker"));
    act();
    assert.match(JSON.stringify(await asked), expected);
    execFileSync("rm", ["-f", marker]);
  }
});

test("while the app swaps its directory and its marker as fast as it can, nothing outside of it changes", {
  skip,
}, async () => {
  using place = places();
  const marker = `${place.own}/in/marker`;
  mkdirSync(`${place.path}/treasure`);
  writeFileSync(`${place.path}/treasure/marker`, "precious");
  await using claimer = await startClaimer();
  await using swapper = startScriptAsNobody("swapping.ts", place.own, `${place.path}/treasure`);
  await swapper.nextLine();
  const outcomes = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const reply = await claimer.notify(marker, 1);
    outcomes.add(String(reply.reply === "refused" && reply.reasons).replace(/\/[^ ]*/g, "…"));
  }
  assert.deepEqual(readdirSync(`${place.path}/treasure`), ["marker"]);
  assert.equal(readFileSync(`${place.path}/treasure/marker`, "utf8"), "precious");
  assert.equal(lstatSync(`${place.path}/treasure/marker`).uid, 0);
  assert.ok(outcomes.size > 1, `the swaps made no difference: ${[...outcomes]}`);
});

test("root and an app of another user exchange notice and reply in the app's directory", { skip }, async () => {
  using place = places();
  // What root writes must be readable for the app.
  const umask = process.umask(0o077);
  const cases = [
    [startScriptAsNobody, 0o700],
    [startScriptAsNobody, 0o755],
    [startScriptInNamespace, 0o755],
  ] as const;
  for (const [start, mode] of cases) {
    chmodSync(place.own, mode);
    await using app = start("claiming_app.ts", "answers", `${place.own}/marker`);
    assert.equal(await app.nextLine(), "attached");
    using page = await DriverPage.open(app.pid);
    assert.deepEqual(await notify(page, { id: `m-${mode}` }, 5000, "file"), { reply: "ready" });
    page.tell(`m-${mode}`, "continued");
    await page.until(({ state, outcome }) => state === "running" && outcome === "continued", 5000);
  }
  process.umask(umask);
});

test("an app does not start where it could not replace a marker of root's", { skip }, async () => {
  using place = places();
  chmodSync(place.path, 0o1777);
  await using app = startScriptAsNobody("claiming_app.ts", "answers", `${place.path}/marker`);
  assert.match(
    await app.nextLine(),
    /it belongs to user 0, and must belong to the user of the app, 65534\. Use a directory that user 65534 makes/,
  );
});

test("a page that a process of root's has from another user, or that root has left, gives no right to write", {
  skip,
}, async () => {
  using place = places();
  // The app becomes another user while its page stays root's.
  const marker = `${place.path}/marker`;
  await using app = startScript("dropping_app.ts", marker);
  assert.equal(await app.nextLine(), "attached");
  using page = await DriverPage.open(app.pid);
  const before = snapshot(place.path);
  const reply = await notify(page, { id: "x" }, 30, "file");
  assert.match(
    String(reply.reply === "refused" && reply.reasons),
    /user 0 made it, and the process is not that user's/,
  );
  assert.equal(snapshot(place.path), before);
});

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { file } from "../../../strategies/file/agent.ts";
import { type Attached, attachAt } from "../../support/attached.ts";
import { startScript } from "../../support/child.ts";
import { openFields } from "../../support/own_page.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

const isRoot = process.getuid?.() === 0;

const attachToFile = (leaseMs?: number): Promise<Attached> => attachAt((path) => file({ path }), leaseMs);

function content(path: string): Record<string, unknown> {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8") || "{}") : {};
}

test("a marker that is touched runs the hooks, and is replaced by the reply, then by the outcome", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  const seen: unknown[] = [];
  agent.register({ name: "a", afterRestore: () => void seen.push(content(path)) });
  writeFileSync(path, "");
  await waitFor("the outcome", () => content(path).outcome !== undefined);
  const { id } = content(path);
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.deepEqual(content(path), { id, outcome: "continued" });
  assert.deepEqual(seen, [{ id, reply: "ready" }]);
  assert.equal(agent.lastOutcome, "continued");
});

test("a marker in JSON brings the id and the lease", async () => {
  await using attached = await attachToFile(60_000);
  writeFileSync(`${attached.path}.new`, '{"id":"mine","leaseMs":2,"unknown":true}');
  renameSync(`${attached.path}.new`, attached.path);
  await waitFor("the outcome", () => content(attached.path).outcome !== undefined);
  assert.deepEqual(content(attached.path), { id: "mine", outcome: "continued" });
});

test("a marker that was there before attach() counts", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(path, '{"id":"early"}');
  await using _agent = await attach({ strategies: [file({ path })], leaseMs: 2 });
  await waitFor("the outcome", () => content(path).outcome !== undefined);
  assert.equal(content(path).id, "early");
});

test("foreign content is left alone, and a notice after it counts", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  for (const text of [
    "please checkpoint",
    '{"id":"../x"}',
    "[]",
    '{"id":"a","reply":"ready"}',
    '{"outcome":"restored"}',
    "\0",
  ]) {
    writeFileSync(path, text);
    await sleep(10);
    assert.equal(readFileSync(path, "utf8"), text);
  }
  assert.equal(agent.lastOutcome, undefined);
  writeFileSync(path, "");
  await waitFor("the outcome", () => content(path).outcome !== undefined);
});

test("other files of the directory, symbolic links and directories are no marker", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  writeFileSync(`${path}.other`, "");
  symlinkSync(`${path}.other`, path);
  writeFileSync(`${path}.other`, "");
  await sleep(20);
  rmSync(path);
  mkdirSync(path);
  writeFileSync(`${path}.other`, "");
  await sleep(20);
  assert.equal(agent.lastOutcome, undefined);
  rmdirSync(path);
  writeFileSync(path, "");
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
});

test("a refusal replaces the marker with every reason, and then with aborted", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  let reply: unknown;
  agent.register({
    name: "busy",
    beforeCheckpoint: () => {
      throw new Error("not now");
    },
    afterRestore: () => {
      reply = content(path);
    },
  });
  writeFileSync(path, '{"id":"r"}');
  await waitFor("the outcome", () => content(path).outcome !== undefined);
  assert.deepEqual(reply, { id: "r", reply: "refused", reasons: ["busy: not now"] });
  assert.deepEqual(content(path), { id: "r", outcome: "aborted" });
});

test("the next notice, left while the last one is worked on, is not overwritten by its outcome", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  const ids: string[] = [];
  agent.register({
    name: "a",
    afterRestore: ({ noticeId }) => {
      ids.push(noticeId);
      if (noticeId === "one") writeFileSync(path, '{"id":"two"}');
    },
  });
  writeFileSync(path, '{"id":"one"}');
  await waitFor("the second outcome", () => content(path).id === "two" && content(path).outcome !== undefined);
  assert.deepEqual(ids, ["one", "two"]);
});

test("a directory that others may write is refused, a sticky one too", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  for (const mode of [0o777, 0o770, 0o722, 0o1777]) {
    chmodSync(directory.path, mode);
    await assert.rejects(
      attach({ strategies: [file({ path })] }),
      /others may write there, which `chmod go-w` ends. Use a directory that/,
    );
  }
  for (const mode of [0o755, 0o700]) {
    chmodSync(directory.path, mode);
    await (await attach({ strategies: [file({ path })] }))[Symbol.asyncDispose]();
  }
});

test("what lies at the path and is no marker is said when the app attaches", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/marker`;
  writeFileSync(`${directory.path}/real`, "");
  const things: Record<string, () => void> = {
    "symbolic link": () => symlinkSync("real", path),
    "dangling link": () => symlinkSync("..data/marker", path),
    "hard link": () => linkSync(`${directory.path}/real`, path),
    directory: () => mkdirSync(path),
    fifo: () => execFileSync("mkfifo", [path]),
  };
  for (const [what, make] of Object.entries(things)) {
    make();
    const attached = attach({ strategies: [file({ path })] });
    await assert.rejects(attached, /not a regular file with one name.*use an emptyDir volume, a tmpfs/, what);
    execFileSync("rm", ["-r", path]);
  }
  assert.deepEqual(readdirSync(directory.path), ["real"]);
});

test("what is put there later and is no marker is counted once, and a notice after it counts", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  using page = await openFields();
  symlinkSync("elsewhere", path);
  for (let i = 0; i < 3; i++) {
    writeFileSync(`${path}.other`, "");
    await sleep(10);
  }
  assert.equal(page.fields.get("rejected"), 1);
  rmSync(path);
  // To open it would wait for a writer, and for ever.
  execFileSync("mkfifo", [path]);
  writeFileSync(`${path}.other`, "");
  await waitFor("the count", () => page.fields.get("rejected") === 2);
  writeFileSync(`${path}.new`, "");
  renameSync(`${path}.new`, path);
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
});

test("a marker that cannot be read does not end the watch", async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  writeFileSync(path, "");
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  rmSync(path);
  // Its content is nobody's to read: EIO, see the tests of markers.
  writeFileSync(path, "");
  const mounted = spawnSync("mount", ["--bind", `/proc/${process.pid}/mem`, path]);
  if (mounted.status !== 0) return;
  writeFileSync(`${path}.other`, "");
  await sleep(20);
  execFileSync("umount", [path]);
  let rounds = 0;
  agent.register({ name: "a", beforeCheckpoint: () => void rounds++ });
  writeFileSync(path, '{"id":"again"}');
  await waitFor("the hook", () => rounds === 1);
});

test("a directory that does not exist is said", async () => {
  await assert.rejects(attach({ strategies: [file({ path: "/no/such/marker" })] }), { code: "ENOENT" });
});

test("a marker of another user is refused and counted", { skip: !isRoot && "not root" }, async () => {
  await using attached = await attachToFile();
  const { agent, path } = attached;
  using page = await openFields();
  writeFileSync(`${path}.new`, "");
  chownSync(`${path}.new`, 12_345, 12_345);
  renameSync(`${path}.new`, path);
  await waitFor("the stranger", () => page.fields.get("rejected") === 1);
  assert.equal(agent.lastOutcome, undefined);
  assert.equal(readFileSync(path, "utf8"), "");
});

test("a driver notifies by file, and its word in the marker ends the hold", async () => {
  await using attached = await attachToFile(20_000);
  for (const word of ["aborted", "continued"]) {
    await using driver = startScript("driver.ts", process.pid, "file", word, JSON.stringify({ id: `f-${word}` }));
    const { stdout, stderr } = await driver.ended;
    const [reply, ended] = stdout.split("\n");
    assert.equal(reply, '{"reply":"ready"}', stderr);
    assert.equal(JSON.parse(ended as string).outcome, word);
    assert.equal(attached.agent.lastOutcome, word);
  }
});

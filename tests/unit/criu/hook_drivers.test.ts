/** The action script and other drivers of the same app, and the settings beside it. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { file } from "../../../strategies/file/agent.ts";
import { signal } from "../../../strategies/signal/agent.ts";
import { type Ended, runShell, startProgram, startScript } from "../../support/child.ts";
import { hookPath, runHook } from "../../support/hook_script.ts";
import { openOwnPage, SIGURG } from "../../support/own_page.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const ofThis = { CRTOOLS_INIT_PID: `${process.pid}` };
/** Runs the script by a process of its own that lives on, as another CRIU does. */
const otherCriu = ["sh", "-c", 'sh "$1"; code=$?; sleep 4; exit $code', "sh"];

test("two scripts at once on one app: one is ready, the other refuses, and the hooks run once", async () => {
  await using agent = await attach({ strategies: [signal()] });
  let entered = 0;
  agent.register({ name: "a", beforeCheckpoint: () => void entered++ });
  const env = { ...ofThis, CRIU_AWARE_TIMEOUT_MS: "2000", CRIU_AWARE_LEASE_MS: "6000" };
  // The app of this process is held meanwhile: nothing here runs before the lease ends.
  const both = await Promise.all([runHook("pre-dump", env, otherCriu), runHook("pre-dump", env, otherCriu)]);
  assert.deepEqual(both.map(({ code }) => code).sort(), [0, 1]);
  assert.match(both.map(({ stderr }) => stderr).join(""), /is at work for another driver/);
  assert.equal(entered, 1);
});

test("the script leaves an app alone that another driver has locked", async () => {
  using page = await openOwnPage();
  page.app.noticeSignal = SIGURG;
  assert.ok(await page.driver.lock(1000));
  const { code, stderr } = await runHook("pre-dump", { ...ofThis, CRIU_AWARE_TIMEOUT_MS: "300" });
  assert.equal(code, 1);
  assert.match(stderr, /is at work for another driver/);
  assert.equal(page.app.fields.text("notice"), "");
  assert.equal(page.app.fields.get("signalsSent"), 0);
});

test("an app that the notice CRIU_AWARE_NOTICE holds is not told again, and must be held in post-dump", async () => {
  using page = await openOwnPage();
  page.app.noticeSignal = SIGURG;
  assert.ok(await page.driver.lock(1000));
  page.app.publish("held", "notice-1", { reply: "ready" }, undefined, 0);
  const env = { ...ofThis, CRIU_AWARE_NOTICE: "notice-1", CRIU_AWARE_TIMEOUT_MS: "300" };
  assert.deepEqual(await runHook("pre-dump", env), { code: 0, signal: null, stdout: "", stderr: "" });
  assert.equal((await runHook("post-dump", env)).code, 0);
  assert.equal((await runHook("pre-dump", { ...env, CRIU_AWARE_NOTICE: "notice-2" })).code, 1);
  page.app.publish("running", "", undefined, "continued", 0);
  assert.match((await runHook("post-dump", env)).stderr, /was no longer held/);
});

test("a stopped process is refused at once, with the cure", async () => {
  await using app = startScript("paged.ts");
  await app.nextLine();
  process.kill(app.pid, "SIGSTOP");
  const { code, stderr } = await runHook("pre-dump", {
    CRTOOLS_INIT_PID: `${app.pid}`,
    CRIU_AWARE_TIMEOUT_MS: "900000",
  });
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`process ${app.pid} is stopped and cannot answer: kill -CONT ${app.pid}`));
});

test("settings come from the file beside the script, which only its owner can write; the environment comes first", async () => {
  using place = temporaryDirectory();
  const script = join(place.path, "criu-aware-hook.sh");
  const settings = join(place.path, "criu-aware-hook.conf");
  await using unaware = startProgram("sleep", ["30"]);
  copyFileSync(hookPath, script);
  const run = (env: Record<string, string> = {}): Promise<Ended> =>
    startProgram("sh", [script], { CRTOOLS_SCRIPT_ACTION: "pre-dump", CRTOOLS_INIT_PID: `${unaware.pid}`, ...env })
      .ended;
  const refused = async (reason: RegExp, env?: Record<string, string>): Promise<void> => {
    const { code, stderr } = await run(env);
    assert.equal(code, 1);
    assert.match(stderr, reason);
  };
  await refused(/is attached/);
  writeFileSync(settings, "# a comment\n\nCRIU_AWARE_UNAWARE=1");
  assert.equal((await run()).code, 0);
  await refused(/is attached/, { CRIU_AWARE_UNAWARE: "0" });
  writeFileSync(settings, "CRIU_AWARE_UNAWARE=1\nPATH=/tmp\n");
  await refused(/has a line that is no setting: PATH=/);
  writeFileSync(settings, "CRIU_AWARE_TIMEOUT_MS=$(id)\n");
  await refused(/"\$\(id\)" is no number/);
  writeFileSync(settings, "CRIU_AWARE_LEASE_MS=600001\n");
  await refused(/no app holds for longer than 600000 ms: see CRIU_AWARE_LEASE_MS/);
  writeFileSync(settings, "CRIU_AWARE_UNAWARE=1\n");
  chmodSync(settings, 0o666);
  await refused(/only its owner can write: chmod go-w/);
  if (process.geteuid?.() !== 0) return;
  chmodSync(settings, 0o644);
  chownSync(settings, 65534, 65534);
  await refused(/belongs to another user: chown root/);
});

test("a marker is left in a directory of the app's alone, and reached by no symbolic link", async () => {
  using place = temporaryDirectory();
  const [own, link, open] = ["own", "link", "open"].map((name) => join(place.path, name)) as [string, string, string];
  mkdirSync(own);
  mkdirSync(open);
  chmodSync(open, 0o1777);
  symlinkSync(own, link);
  mkdirSync(join(own, "directory"));
  await using agent = await attach({ strategies: [file({ path: join(own, "marker") })] });
  agent.register({ name: "a" });
  const run = (marker: string): Promise<Ended> =>
    runHook("pre-dump", { ...ofThis, CRIU_AWARE_MARKER: marker, CRIU_AWARE_LEASE_MS: "100" });
  const refusals = {
    [join(link, "marker")]: /cannot be reached without a symbolic link/,
    [join(open, "marker")]: /others may write to the directory/,
    [join(own, "directory")]: /is no regular file/,
    "own/marker": /cannot be reached/,
  };
  for (const [marker, reason] of Object.entries(refusals)) assert.match((await run(marker)).stderr, reason);
  assert.deepEqual(readdirSync(own), ["directory"]);
  if (process.geteuid?.() === 0) {
    chownSync(own, 65534, 65534);
    assert.match((await run(join(own, "marker"))).stderr, /does not belong to the user of process/);
    chownSync(own, 0, 0);
  }
  assert.deepEqual(await run(join(own, "marker")), { code: 0, signal: null, stdout: "", stderr: "" });
  assert.deepEqual(readdirSync(own).sort(), ["directory", "marker"]);
});

test("busybox alone is enough", { skip: existsSync("/bin/busybox") ? false : "busybox is missing" }, async () => {
  using place = temporaryDirectory();
  assert.equal((await runShell(`/bin/busybox --install -s ${place.path}`)).code, 0);
  await using agent = await attach({ strategies: [signal()] });
  agent.register({ name: "a" });
  const env = { ...ofThis, PATH: place.path, CRIU_AWARE_LEASE_MS: "300" };
  const busybox = ["/bin/busybox", "sh"];
  assert.deepEqual(await runHook("pre-dump", env, busybox), { code: 0, signal: null, stdout: "", stderr: "" });
  assert.match((await runHook("post-dump", env, busybox)).stderr, /was no longer held/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { attach } from "../../../attach.ts";
import { signal } from "../../../strategies/signal/agent.ts";
import { startProgram } from "../../support/child.ts";
import { runHook } from "../../support/hook_script.ts";
import { openOwnPage } from "../../support/own_page.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { waitFor } from "../../support/time.ts";

const silent = (): void => {};

test("every action but pre-dump and post-dump is let pass at once", async () => {
  for (const action of [
    "pre-restore",
    "post-restore",
    "network-lock",
    "pre-resume",
    "post-resume",
    "setup-namespaces",
    "",
  ]) {
    assert.equal((await runHook(action, {})).code, 0, action);
  }
});

test("pre-dump refuses a tree without an attached process, unless it is told to dump it all the same", async () => {
  using images = temporaryDirectory();
  await using child = startProgram("sleep", ["10"]);
  const env = { CRTOOLS_INIT_PID: `${child.pid}`, CRTOOLS_IMAGE_DIR: images.path };
  const { code, stderr } = await runHook("pre-dump", env);
  assert.equal(code, 1);
  assert.match(stderr, /no process of the tree of \d+ is attached .*\n.*the dump is refused, nothing was frozen/);
  assert.equal((await runHook("pre-dump", { ...env, CRIU_AWARE_UNAWARE: "1" })).code, 0);
  assert.equal((await runHook("post-dump", env)).code, 0);
});

test("pre-dump refuses a process that takes no notice by signal, and says what to set", async () => {
  using images = temporaryDirectory();
  using _page = await openOwnPage();
  const env = { CRTOOLS_INIT_PID: `${process.pid}`, CRTOOLS_IMAGE_DIR: images.path };
  const { code, stderr } = await runHook("pre-dump", env);
  assert.equal(code, 1);
  assert.match(stderr, /takes no notice by signal \(set CRIU_AWARE_MARKER/);
});

test("pre-dump is done when the app is ready; when its lease has run out the dump is refused", async () => {
  using images = temporaryDirectory();
  await using agent = await attach({ strategies: [signal()] });
  const outcomes: string[] = [];
  agent.register({ name: "a", afterRestore: ({ outcome }) => void outcomes.push(outcome) });
  const env = {
    CRTOOLS_INIT_PID: `${process.pid}`,
    CRTOOLS_IMAGE_DIR: images.path,
    CRIU_AWARE_LEASE_MS: "300",
  };
  const { code, stderr } = await runHook("pre-dump", env);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.deepEqual(outcomes, ["continued"]);
  const late = await runHook("post-dump", env);
  assert.equal(late.code, 1);
  assert.match(late.stderr, /was no longer held when it was frozen\n.*the dump is refused, its images are void/);
});

test("pre-dump refuses with every reason of the app", async () => {
  using images = temporaryDirectory();
  await using agent = await attach({ strategies: [signal()], onError: silent });
  for (const name of ["one", "two"]) {
    agent.register({
      name,
      beforeCheckpoint: () => {
        throw new Error(`${name} is busy`);
      },
    });
  }
  const env = { CRTOOLS_INIT_PID: `${process.pid}`, CRTOOLS_IMAGE_DIR: images.path };
  const { code, stderr } = await runHook("pre-dump", env);
  assert.equal(code, 1);
  assert.match(stderr, /process \d+ refuses: two: two is busy\n.*refuses: one: one is busy\n.*the dump is refused/);
  assert.equal(agent.lastOutcome, "aborted");
});

test("pre-dump gives up on an app that does not answer, and the app does not hold afterwards", async () => {
  using images = temporaryDirectory();
  await using agent = await attach({ strategies: [signal()], onError: silent });
  let release = silent;
  agent.register({
    name: "slow",
    beforeCheckpoint: () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  });
  const env = {
    CRTOOLS_INIT_PID: `${process.pid}`,
    CRTOOLS_IMAGE_DIR: images.path,
    CRIU_AWARE_TIMEOUT_MS: "1000",
  };
  const { code, stderr } = await runHook("pre-dump", env);
  release();
  assert.equal(code, 1);
  assert.match(stderr, /did not answer within 1000 ms|refuses: slow: beforeCheckpoint was not done/);
  await waitFor("the outcome", () => agent.lastOutcome !== undefined);
  assert.equal(agent.lastOutcome, "aborted");
});

/** How the command engine's action script asks the process that runs CRIU. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HookChannel } from "../../../criu/hook_channel.ts";
import { hookChannelScript } from "../../../criu/hook_channel_script.ts";
import { startProgram } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** The exit code of the script at a hook. */
async function exitCode(hook: string, env: Readonly<Record<string, string>>): Promise<number | null> {
  return (await startProgram("sh", ["-c", hookChannelScript], { ...env, CRTOOLS_SCRIPT_ACTION: hook }).ended).code;
}

test("the script asks at the hooks named, goes on by the answer, and is not heard once the channel is closed", async () => {
  const asked: string[] = [];
  const channel = await HookChannel.open(["pre-dump", "post-dump"], async (hook) => {
    asked.push(hook);
    return hook === "pre-dump";
  });
  const { env } = channel;
  assert.equal(await exitCode("pre-dump", env), 0);
  assert.notEqual(await exitCode("post-dump", env), 0);
  assert.equal(await exitCode("network-lock", env), 0);
  channel[Symbol.dispose]();
  assert.notEqual(await exitCode("pre-dump", env), 0);
  assert.deepEqual(asked, ["pre-dump", "post-dump"]);
});

test("another process that now has the pid of the driver is not asked, and its files are not written to", async () => {
  using place = temporaryDirectory();
  const file = join(place.path, "file");
  writeFileSync(file, "go\n");
  const holder = ["-c", `exec 7<>'${file}' && echo ready && exec sleep 30`];
  await using other = startProgram("sh", holder);
  await other.nextLine();
  const env = { CRIU_AWARE_DRIVER: `${other.pid} 7 1 7 1`, CRIU_AWARE_HOOKS: "pre-dump" };
  assert.notEqual(await exitCode("pre-dump", env), 0);
  assert.equal(readFileSync(file, "utf8"), "go\n");
  using channel = await HookChannel.open(["pre-dump"], async () => true);
  const [pid, question, , answer, inode] = (channel.env.CRIU_AWARE_DRIVER as string).split(" ");
  const forged = { ...channel.env, CRIU_AWARE_DRIVER: `${pid} ${question} 1 ${answer} ${inode}` };
  assert.notEqual(await exitCode("pre-dump", forged), 0);
});

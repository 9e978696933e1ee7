import assert from "node:assert/strict";
import { test } from "node:test";
import { isInTree, processTree } from "../../../ffi/process_tree.ts";
import { startProgram } from "../../support/child.ts";

test("a tree has parents before their children, and nobody else", async () => {
  await using shell = startProgram("sh", ["-c", "sh -c 'echo $$; sleep 60' & wait"]);
  const inner = Number(await shell.nextLine());
  const tree = processTree(shell.pid);
  assert.deepEqual(tree.slice(0, 2), [shell.pid, inner]);
  assert.ok(isInTree(inner, shell.pid) && isInTree(shell.pid, shell.pid) && isInTree(inner, process.pid));
  assert.ok(!isInTree(process.pid, shell.pid));
  assert.deepEqual(processTree(4_194_304), []);
  assert.ok(!isInTree(4_194_304, shell.pid));
  for (const pid of processTree(shell.pid).reverse()) process.kill(pid, "SIGKILL");
});

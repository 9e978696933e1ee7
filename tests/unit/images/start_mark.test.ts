import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { marked, markOf } from "../../../images/identity/start_mark.ts";
import { waitFor } from "../../support/time.ts";

const linux = process.platform === "linux" ? false : "Linux only";

test("a program that another one has put in its place is known by how it was started; a child of it is not", {
  skip: linux,
}, async () => {
  const command = ["env", "A=1", "sh", "-c", "sleep 100 & echo $!; exec sleep 100"];
  const start = marked(command, "/") ?? assert.fail();
  const [program = "", ...args] = start.command;
  const child = spawn(program, args, { env: { ...process.env, ...start.env }, stdio: ["ignore", "pipe", "inherit"] });
  const grandchild = Number(await new Promise((resolve) => child.stdout.once("data", resolve)));
  try {
    // Between two programs a process has no environment for a moment.
    await waitFor("its mark", () => markOf(child.pid as number) !== undefined);
    const mark = markOf(child.pid as number);
    assert.deepEqual([mark?.command, mark?.cwd], [command, "/"]);
    assert.match(mark?.executable ?? "", /\/env$/);
    assert.equal(markOf(grandchild), undefined);
  } finally {
    process.kill(grandchild, "SIGKILL");
    child.kill("SIGKILL");
  }
});

test("what is no mark is none, and a program that there is not has none", { skip: linux }, async () => {
  assert.equal(marked(["/no/such/program"], "/"), undefined);
  assert.equal(markOf(process.pid), undefined);
  const env = { ...process.env, CRIU_AWARE_COMMAND: '{"command":["a",1],"executable":"a","cwd":"/"}' };
  const child = spawn("sh", ["-c", "export CRIU_AWARE_PID=$$; exec sh -c 'echo; exec sleep 100'"], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  try {
    assert.equal(markOf(child.pid as number), undefined);
  } finally {
    child.kill("SIGKILL");
  }
});

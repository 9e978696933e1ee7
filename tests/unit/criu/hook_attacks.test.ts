/** The action script, run by root, beside a process of another user that maps what is no page: see SECURITY.md. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { numbers, PAGE_BYTES, PAGE_MAGIC } from "../../../page/layout.ts";
import { type Child, type Ended, startProgram } from "../../support/child.ts";
import { runHook } from "../../support/hook_script.ts";
import { SIGURG } from "../../support/own_page.ts";
import { runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const NOBODY = 65534;
const skip =
  process.geteuid?.() !== 0 || process.arch !== "x64" ? "it takes root to become another user, and x64 numbers" : false;

/** What the script says, and refuses then; "" when it passes the process by. Whoever changes in turn may have either. */
const kinds: Readonly<Record<string, RegExp>> = {
  "a file of its own": /shows a page that is none/,
  "a file of root's in turn": /^/,
  "a short page": /shows a page that is none/,
  "a page that shrinks": /shows a page that is none/,
  "a page that shrinks in turn": /^/,
  "a file with a lease": /could not be looked at within 3 s: a process makes it hang/,
  "a descriptor of a FIFO": /^$/,
  "a descriptor of a file of root's": /^$/,
  "a signal that ends": /names 9 as its signal/,
  "reasons that drive a terminal":
    /refuses: \?\[2J\n.*refuses: \?\?31m\n.*refuses: \?\?\?\n.*refuses: \?\?\?\n.*refuses: two\?\?\?lines\?three\n/,
};

/** What a file must hold to pass as a page by its content. */
function pageOfNobody(): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  bytes.set(new TextEncoder().encode(PAGE_MAGIC));
  new DataView(bytes.buffer).setUint32(numbers.noticeSignal, SIGURG, true);
  return bytes;
}

async function besideHostile(kind: string, place: string): Promise<{ hostile: Child; ended: Ended; sentinel: string }> {
  const sentinel = join(place, "sentinel");
  const own = join(place, "own");
  chmodSync(place, 0o755);
  writeFileSync(sentinel, pageOfNobody());
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "unshare", "-Urm"];
  const program = [...runCommand.bun, join(import.meta.dirname as string, "../../support/hostile_mapping.ts")];
  const hostile = startProgram("setpriv", [...asNobody, ...program, kind, own, sentinel]);
  assert.equal(await hostile.nextLine(), "ready");
  const ended = await runHook("pre-dump", {
    CRTOOLS_INIT_PID: `${hostile.pid}`,
    CRIU_AWARE_TIMEOUT_MS: "1000",
    CRIU_AWARE_UNAWARE: "1",
  });
  return { hostile, ended, sentinel };
}

for (const [kind, reason] of Object.entries(kinds)) {
  test(`the script beside ${kind}: it ends, says why, and changes nothing of root's`, {
    skip,
    timeout: 30_000,
  }, async () => {
    using place = temporaryDirectory();
    const { hostile, ended, sentinel } = await besideHostile(kind, place.path);
    await using _hostile = hostile;
    assert.ok(readFileSync(sentinel).equals(pageOfNobody()), "a file of root's was changed");
    assert.match(ended.stderr, reason);
    assert.equal(ended.code, ended.stderr === "" ? 0 : 1, ended.stderr);
    assert.doesNotMatch(ended.stderr, /[^\n\x20-\x7e]/);
    // It still runs: nothing but its own signals was sent.
    assert.doesNotThrow(() => process.kill(hostile.pid, 0));
  });
}

/** Faults of CRIU, of its action script, and of what an image needs. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { findBlockers } from "criu-aware/blockers";
import { descriptorLinks } from "../../ffi/descriptor_links.ts";
import { aliveSince } from "../../ffi/process.ts";
import { childrenOf, processTree } from "../../ffi/process_tree.ts";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import { waitFor } from "../support/time.ts";
import type { Fault } from "./kinds.ts";
import type { Scene } from "./scene.ts";

const NO_CRIU = { simulate: "it runs no CRIU" };
const NOT_STARTED = "CRIU has not been started";

/** The CRIU that works for a scene: it has the images open, or is about to be left by the app that it has made. */
function criuOf({ directory, app }: Scene): number | undefined {
  return processTree(process.pid).find((pid) => {
    const isCriu = /criu\0.*(swrk|--images-dir)/.test(readOrEmpty(`/proc/${pid}/cmdline`)) || isTitled(pid);
    if (!isCriu || pid === app.pid) return false;
    return processTree(pid).includes(app.pid) || descriptorLinks(pid).some(({ link }) => link.startsWith(directory));
  });
}

/** By RPC, CRIU says in its title what it does. */
function isTitled(pid: number): boolean {
  return /\bcriu: (dump|restore)/.test(readOrEmpty(`/proc/${pid}/cmdline`));
}

/** The script asks the driver, which is here just now. */
function killScript(scene: Scene): void {
  const criu = criuOf(scene) as number;
  const scripts = (childrenOf(criu) ?? []).filter((pid) => pid !== scene.app.pid);
  assert.ok(scripts.length > 0, "CRIU runs no script");
  for (const pid of scripts) process.kill(pid, "SIGKILL");
}

/** Blocks this thread: to look now and then would be too late. */
function killWhileCopying(scene: Scene): void {
  const { imagesDir, app, kept } = scene;
  const copied = (): number => {
    const pages = readdirSync(imagesDir).filter((name) => name.startsWith("pages-"));
    return pages.reduce((sum, name) => sum + statSync(join(imagesDir, name)).size, 0);
  };
  const end = Date.now() + 10_000;
  while (copied() < 2 ** 20 && Date.now() < end) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  const criu = criuOf(scene);
  if (criu) process.kill(criu, "SIGKILL");
  kept.set("left", readOrEmpty(`/proc/${app.pid}/maps`).includes("CRIUMFD"));
}

export const criuFaults: readonly Fault[] = [
  {
    name: "action script killed",
    without: { ...NO_CRIU, rpc: "CRIU asks without a script" },
    put: killScript,
    restoringAt: "post-restore",
    phases: {
      before: NOT_STARTED,
      preparing: "CRIU waits for it until all are ready: it is the same script as when the app is held",
      held: { refused: /action script/ },
      frozen: { refused: /action script/ },
      restoring: { unrestored: /action script/ },
      recovering: "CRIU runs no script then",
    },
  },
  {
    name: "CRIU killed while it copies pages",
    without: NO_CRIU,
    app: () => ({ bytes: 192 * 2 ** 20 }),
    put: (scene) => {
      // It goes on as soon as it has the answer of this hook.
      setTimeout(() => killWhileCopying(scene), 5);
    },
    // It stays, and is dumped with the rest.
    mayHold: /CRIUMFD/,
    check: async ({ app, kept }) => {
      const found = await findBlockers([app.pid]);
      const parasite = found.find(({ kind }) => kind === "parasite");
      assert.equal(parasite !== undefined, kept.get("left"), "inspect does not name what CRIU has left");
      if (parasite)
        assert.match(String(kept.get("error")), /has memory that a killed CRIU left behind.*restart the app/);
    },
    phases: {
      before: NOT_STARTED,
      preparing: NOT_STARTED,
      held: {
        refused: /CRIU was killed \(SIGKILL\), by somebody or by a kernel that lacks memory \(dmesg\): try again/,
      },
      frozen: "all pages are copied by then",
      restoring: "no pages are copied out of the app then",
      recovering: "CRIU has ended",
    },
  },
  {
    name: "app killed",
    put: async ({ app }) => {
      process.kill(app.pid, "SIGKILL");
      await waitFor("its end", () => aliveSince(app.pid) === undefined, 10_000);
    },
    phases: {
      before: { refused: /There is no process|has ended/, ends: true },
      preparing: { refused: /has ended/, ends: true },
      held: ({ engine }) =>
        engine === "simulate" ? { failures: /has ended/, ends: true } : { refused: /has ended/, ends: true },
      // The images are whole by then.
      frozen: {},
      restoring: "there is no process yet",
      recovering: { failures: /has ended/, ends: true },
    },
  },
  {
    name: "shared memory missing at the restore",
    without: NO_CRIU,
    app: ({ runtime, strategy, engine }) => ({ memory: `fault-${process.pid}-${runtime}-${strategy}-${engine}` }),
    put: (scene) => {
      const file = join("/dev/shm", nameOf(scene));
      renameSync(file, `${file}.away`);
    },
    lift: (scene) => {
      const file = join("/dev/shm", nameOf(scene));
      if (existsSync(`${file}.away`)) renameSync(`${file}.away`, file);
      scene.cleanup.defer(() => rmSync(file, { force: true }));
    },
    phases: {
      before: "the app has it open: it is dumped with its content",
      preparing: "the app has it open: it is dumped with its content",
      held: "the app has it open: it is dumped with its content",
      frozen: "the same as at the restore",
      restoring: { unrestored: /dev\/shm\/\S+ is missing.*Bring it back to that path/s },
      recovering: "the app has it again",
    },
  },
];

function nameOf({ cell }: Scene): string {
  return cell.fault.app?.(cell).memory as string;
}

/** Faults of those who drive. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DumpRefusedError, UsageError } from "criu-aware/driver";
import { DriverPage } from "../../page/driver_page.ts";
import { PageError } from "../../page/errors.ts";
import { notify } from "../../strategies/notify.ts";
import type { Cell, Fault, PhaseName } from "./kinds.ts";
import type { Scene } from "./scene.ts";

/** Where a driver dies by itself; elsewhere it is killed from outside. */
const moments: Partial<Record<PhaseName, string>> = {
  held: "pre-dump",
  frozen: "post-dump",
  restoring: "post-restore",
};

function momentOf({ phase, engine }: Cell): string | undefined {
  return engine === "simulate" && phase === "held" ? "dumped" : moments[phase];
}

function kill({ child }: Scene): void {
  process.kill(child?.pid as number, "SIGKILL");
}

export const driverFaults: readonly Fault[] = [
  {
    name: "driver killed",
    driver: (cell, { app, imagesDir }) => {
      const { engine, strategy } = cell;
      const diesAt = momentOf(cell);
      return { engine, pid: app.pid, imagesDir, strategy, ...(diesAt ? { diesAt } : {}) };
    },
    put: (scene) => (momentOf(scene.cell) ? undefined : kill(scene)),
    phases: {
      before: "nobody knows of it yet",
      preparing: { dies: true },
      held: { dies: true },
      frozen: { dies: true },
      restoring: { dies: true },
      recovering: { dies: true },
    },
  },
  {
    name: "driver at its limit of descriptors",
    driver: ({ engine, strategy }, { app, imagesDir }) => ({
      ...{ engine, pid: app.pid, imagesDir, strategy },
      isLimited: true,
    }),
    phases: {
      before: { refused: /at the limit of open files \(EMFILE\).*ulimit -n/ },
      preparing: "it has opened all that it needs, or fails before",
      held: "it has opened all that it needs, or fails before",
      frozen: "it has opened all that it needs, or fails before",
      restoring: "it has opened all that it needs, or fails before",
      recovering: "it has opened all that it needs, or fails before",
    },
  },
  {
    name: "a second driver dumps",
    put: (scene) => {
      const { engine, options, directory } = scene;
      const imagesDir = join(directory, "second");
      const timeoutMs = 300;
      scene.kept.set(
        "second",
        engine.dump({ ...options, imagesDir, timeoutMs }).then(
          () => undefined,
          (error: Error) => error,
        ),
      );
    },
    lift: async ({ kept, directory, engine }) => {
      const error = await kept.get("second");
      // It came after the first.
      if (error === undefined) return void (await engine.restore({ imagesDir: join(directory, "second") }));
      assert.ok(
        error instanceof DumpRefusedError || error instanceof PageError || error instanceof UsageError,
        String(error),
      );
      assert.match(error.message, /another driver is at work on it|has ended|There is no process/);
    },
    phases: {
      before: "the same as while it prepares: both find it running, and one comes first",
      preparing: {},
      held: {},
      frozen: {},
      restoring: "there is no app that could be dumped",
      recovering: {},
    },
  },
  {
    name: "a notice of somebody else",
    put: (scene) => {
      const { cell, app, kept } = scene;
      const ask = async (): Promise<string> => {
        using page = await DriverPage.open(app.pid);
        const notice = { id: crypto.randomUUID(), leaseMs: 50, deadline: Date.now() + 20_000 };
        return (await notify(page, notice, 20_000, cell.strategy)).reply;
      };
      kept.set(
        "answer",
        ask().catch((error: Error) => error.message),
      );
    },
    lift: async ({ kept }) => {
      assert.match(String(await kept.get("answer")), /^(ready|refused)$|has ended|There is no process/);
    },
    phases: {
      before: "the same as while it prepares: the one or the other comes first",
      preparing: {},
      held: ({ engine, strategy }) =>
        // CRIU may come while the one who asks is still connected.
        strategy === "socket" && engine !== "simulate"
          ? { refused: /unix socket is connected to a process outside|not accepted yet/, mayBeDone: true }
          : {},
      frozen: "a frozen process sees it when it is let go, as one that recovers",
      restoring: "there is no process yet",
      recovering: {},
    },
  },
];

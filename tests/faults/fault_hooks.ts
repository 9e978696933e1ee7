/** Faults of the app's own hooks. */

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Deed } from "./app_options.ts";
import type { Answer, Cell, Fault, PhaseName } from "./kinds.ts";

const NO_HOOK = "no hook runs then";
/** Less than the hook takes. */
const SHORT_MS = 600;

const rest: Record<Exclude<PhaseName, "preparing" | "recovering">, Answer> = {
  before: NO_HOOK,
  held: NO_HOOK,
  frozen: NO_HOOK,
  restoring: NO_HOOK,
};

const inHook =
  (deed: Deed) =>
  ({ phase }: Cell) => ({
    does: phase === "preparing" ? { beforeCheckpoint: deed } : { afterRestore: deed },
    // Of its own resource: shorter than that of the driver where nothing else would end it.
    ...(deed === "hangs" && phase === "recovering" ? { hookTimeoutMs: SHORT_MS } : {}),
  });

const short = { dump: { timeoutMs: SHORT_MS }, restore: { timeoutMs: SHORT_MS } };

export const hookFaults: readonly Fault[] = [
  {
    name: "hook throws",
    app: inHook("throws"),
    phases: {
      ...rest,
      preparing: { refused: /faulty: this fault throws/ },
      recovering: { failures: /this fault throws/ },
    },
  },
  {
    name: "last hook throws",
    app: () => ({ does: { beforeHold: "throws" } }),
    phases: {
      ...rest,
      preparing: { refused: /faulty: this fault throws/ },
      recovering: "it comes before the hold only",
    },
  },
  {
    name: "hook hangs",
    app: inHook("hangs"),
    dump: { timeoutMs: SHORT_MS },
    phases: {
      ...rest,
      preparing: {
        refused: /was not done after \d+ ms: give the resource and the driver more time|no answer within 600 ms/,
      },
      recovering: { failures: /afterRestore was not done after 600 ms: give/ },
    },
  },
  {
    name: "hook blocks the loop",
    app: inHook("blocks"),
    ...short,
    phases: {
      ...rest,
      preparing: { refused: /no answer within 600 ms.*more time \(timeoutMs, --timeout-ms\)/s },
      recovering: { failures: /it is not done after 600 ms: its state is "recovering"\. Give it more time/ },
    },
  },
  {
    name: "last hook blocks the loop",
    app: () => ({ does: { beforeHold: "blocks" } }),
    ...short,
    phases: {
      ...rest,
      preparing: { refused: /no answer within 600 ms.*more time \(timeoutMs, --timeout-ms\)/s },
      recovering: "it comes before the hold only",
    },
  },
  {
    name: "hook exits the process",
    app: inHook("exits"),
    phases: {
      ...rest,
      preparing: { refused: /has ended|There is no process/, ends: true },
      recovering: { failures: /it has ended since it was let go/, ends: true },
    },
  },
  {
    name: "a second copy of the package attaches",
    app: (cell) => ({ ...inHook("attaches a copy")(cell), onSignal: "attaches a copy", copy: copyOfPackage() }),
    put: async (scene) => {
      if (scene.cell.phase === "before") await scene.tellApp();
    },
    check: ({ app }) => {
      assert.match(String(app.named("copy").at(-1)?.error), /another copy of criu-aware\. Attach once/);
    },
    phases: { ...rest, before: {}, preparing: {}, recovering: {} },
  },
];

let copied: string | undefined;

/** The modules of an app once more, as a second version among the dependencies of a program would be. */
function copyOfPackage(): string {
  if (copied) return copied;
  const root = join(import.meta.dirname as string, "../..");
  copied = join(process.env.TMPDIR as string, "copy");
  mkdirSync(copied);
  for (const name of readdirSync(root))
    if (/^(ffi|lifecycle|page|strategies|package\.json|[a-z]+\.ts)$/.test(name))
      cpSync(join(root, name), join(copied, name), { recursive: true });
  return copied;
}

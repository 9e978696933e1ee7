/** Faults of the agent page. */
import { closeSync, openSync, readdirSync, readlinkSync, writeSync } from "node:fs";
import { PAGE_BYTES, PAGE_LINK } from "../../page/layout.ts";
import type { Cell, Fault } from "./kinds.ts";
import type { Scene } from "./scene.ts";

const HELD = "the held thread runs no code, and nobody else can do that to it";
const FOR_GOOD = "a page that is destroyed stays so: the app must be started again";
const GONE = "there is no process whose page it could be";

const overwritten = /page of process \d+.*overwritten it: start the app again/s;

/** As a stray pointer of the app, or another program of its user, would. */
function scribble({ app }: Scene): void {
  const directory = `/proc/${app.pid}/fd`;
  for (const fd of readdirSync(directory)) {
    if (readlinkSync(`${directory}/${fd}`) !== PAGE_LINK) continue;
    const page = openSync(`${directory}/${fd}`, "r+");
    writeSync(page, new Uint8Array(PAGE_BYTES).fill(0x5a), 0, PAGE_BYTES, 0);
    closeSync(page);
  }
}

const byItself =
  (deed: "closes its page" | "unmaps its page") =>
  ({ phase }: Cell) => ({
    onSignal: deed,
    does: { [phase === "recovering" ? "afterRestore" : "beforeCheckpoint"]: deed },
  });
const tellBefore = async (scene: Scene): Promise<void> => {
  if (scene.cell.phase === "before") await scene.tellApp();
};

export const pageFaults: readonly Fault[] = [
  {
    name: "page overwritten",
    put: scribble,
    phases: {
      before: { refused: overwritten, forGood: FOR_GOOD },
      preparing: { refused: overwritten, forGood: FOR_GOOD },
      held: ({ engine }) =>
        engine === "simulate"
          ? { failures: overwritten, forGood: FOR_GOOD }
          : { refused: overwritten, forGood: FOR_GOOD },
      // What is in the images was written before.
      frozen: {},
      restoring: GONE,
      recovering: { failures: overwritten, forGood: FOR_GOOD },
    },
  },
  {
    name: "page closed",
    app: byItself("closes its page"),
    put: tellBefore,
    phases: {
      before: { refused: /not attached|is attached/, forGood: FOR_GOOD },
      preparing: { failures: /did not come back/, forGood: FOR_GOOD },
      held: HELD,
      frozen: HELD,
      restoring: GONE,
      // The driver may have opened it before.
      recovering: { failures: /^$|did not come back/, forGood: FOR_GOOD },
    },
  },
  {
    name: "page unmapped",
    app: byItself("unmaps its page"),
    put: (scene) => {
      if (scene.cell.phase === "before") process.kill(scene.app.pid, "SIGUSR2");
    },
    phases: {
      before: { refused: /has ended|There is no process|not attached|no answer|ECONNRESET|hung up/, ends: true },
      preparing: { refused: /has ended/, ends: true },
      held: HELD,
      frozen: HELD,
      restoring: GONE,
      recovering: { failures: /has ended/, ends: true },
    },
  },
];

/** Clocks that are set back. */
import assert from "node:assert/strict";
import { readClocks, writeClocks } from "../../images/clocks.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { notify } from "../../strategies/notify.ts";
import type { Fault } from "./kinds.ts";

const HOUR_MS = 3_600_000;
const ONLY_BETWEEN = "it is compared only when the notice comes";

export const clockFaults: readonly Fault[] = [
  {
    name: "time of day set back by an hour",
    without: {
      rpc: "the notice is the same, and nobody may set the clock of this machine",
      command: "the notice is the same, and nobody may set the clock of this machine",
    },
    // Whether the clock went back after the notice, or the notice comes from an hour later, is the same to the app.
    put: async ({ app, cell }) => {
      using page = await DriverPage.open(app.pid);
      const sentAt = Date.now() + HOUR_MS;
      const notice = { id: crypto.randomUUID(), sentAt, deadline: sentAt + 10_000, leaseMs: 10_000 };
      assert.equal((await notify(page, notice, 10_000, cell.strategy)).reply, "ready");
      page.tell(notice.id, "aborted");
      await page.until(({ state }) => state === "running", 10_000);
    },
    phases: {
      before: {},
      preparing: ONLY_BETWEEN,
      held: ONLY_BETWEEN,
      frozen: ONLY_BETWEEN,
      restoring: ONLY_BETWEEN,
      recovering: ONLY_BETWEEN,
    },
  },
  {
    name: "monotonic clock set back by 1000 s",
    without: { simulate: "nothing is restored" },
    // The manifest would know that the clocks of the images are others.
    dump: { manifest: false },
    restore: { clock: "continue", force: true },
    put: ({ imagesDir }) => writeClocks(imagesDir, readClocks(imagesDir), -1_000_000),
    phases: {
      before: "only a restore can set it",
      preparing: "only a restore can set it",
      held: "only a restore can set it",
      frozen: "only a restore can set it",
      restoring: {},
      recovering: "only a restore can set it",
    },
  },
];

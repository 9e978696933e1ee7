/**
 * A driver of its own process: notifies, prints the reply and, while the app is held, tells it a word.
 * Arguments: PID STRATEGY WORD NOTICE, where STRATEGY may be `any`, and WORD may be `silence`, `renew` or `die`.
 */

import { entryAt } from "../../ffi/entries.ts";
import { pidNamespace } from "../../ffi/process.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import { DriverPage } from "../../page/driver_page.ts";
import type { Word } from "../../page/layout.ts";
import { exchangeMarker } from "../../strategies/file/marker.ts";
import type { StrategyName } from "../../strategies/names.ts";
import { notify } from "../../strategies/notify.ts";
import { call } from "../../strategies/socket/driver.ts";

const [pid, strategy, word, json] = process.argv.slice(2) as [string, StrategyName | "any", string, string];
const notice = checkNotice(JSON.parse(json));
using page = await DriverPage.open(Number(pid));
const own = { driver: { pid: process.pid, namespace: pidNamespace("self") } };
const reply = await notify(
  page,
  { ...notice, ...(word === "die" ? own : {}) },
  10_000,
  strategy === "any" ? undefined : strategy,
);
console.log(JSON.stringify(reply));
if (word === "renew") {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 40));
    page.renew();
  }
}
const path = String(page.document()?.strategies.find(({ kind }) => kind === strategy)?.path);
if (!["silence", "renew", "die"].includes(word)) {
  if (strategy === "signal") page.tell(notice.id, word as Word);
  if (strategy === "socket") await call(path, "outcome", { id: notice.id, word }, 5000);
  if (strategy === "file") exchangeMarker(page.libc, entryAt(path), { id: notice.id, word }, () => true);
}
if (word === "die") process.exit(0);
const ended = await page.until(({ state }) => state === "running", 10_000);
console.log(JSON.stringify(ended));

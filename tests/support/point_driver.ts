/**
 * Somebody in a process of its own: waits until an app is at its point, says so, and then does one thing.
 * Arguments: PID DO WHAT. DO is `signal`, `socket` or `file`: notifies that way, and tells the word WHAT. Or `page word`, `socket word` or
 * `file word`: only tells it. Or `kill`: sends the signal WHAT. Or `call`: calls that method on the app's
 * socket, and tells aborted.
 */
import { entryAt } from "../../ffi/entries.ts";
import { DriverPage } from "../../page/driver_page.ts";
import type { Word } from "../../page/layout.ts";
import { exchangeMarker } from "../../strategies/file/marker.ts";
import type { StrategyName } from "../../strategies/names.ts";
import { notify } from "../../strategies/notify.ts";
import { call } from "../../strategies/socket/driver.ts";

const [pid, action, what] = process.argv.slice(2) as [string, string, string];
const say = (value: unknown): void => console.log(JSON.stringify(value));
using page = await DriverPage.open(Number(pid));
console.log("waits");
const at = await page.until(({ point }) => point === "waiting", 10_000);
if (!at) throw new Error("It did not come to its point.");
const { state, reply, activeId } = at;
say({ state, reply });
const pathOf = (kind: string): string =>
  String(page.document()?.strategies.find((strategy) => strategy.kind === kind)?.path);
const id = "taker";
const actions: Record<string, () => unknown> = {
  "page word": () => page.tell(activeId, what as Word),
  "socket word": () => call(pathOf("socket"), "outcome", { id: activeId, word: what }, 5000),
  "file word": () => exchangeMarker(page.libc, entryAt(pathOf("file")), { id: activeId, word: what }, () => true),
  kill: () => process.kill(Number(pid), what),
  async call() {
    say(await call(pathOf("socket"), what as "point", {}, 5000));
    page.tell(activeId, "aborted");
  },
};
if (actions[action]) await actions[action]();
else {
  const answer = await notify(page, { id, leaseMs: 20_000 }, 5000, action as StrategyName);
  const { point, activeId } = page.status();
  say({ ...answer, point, activeId });
  page.tell(id, what as Word);
}
if (action !== "kill") await page.until((status) => status.state === "running", 10_000);

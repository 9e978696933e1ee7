/** What a hold makes of signs, words and rings that come in any order. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { DriverPage } from "../../../page/driver_page.ts";
import { notifyBySignal } from "../../../strategies/signal/driver.ts";
import { startScript } from "../../support/child.ts";

const skip = process.geteuid?.() !== 0 && "it takes root to change a time namespace";

const events: Record<string, (page: DriverPage) => void> = {
  "a word that was meant for the original": (page) => page.tell("a", "continued"),
  "the word that there is no image": (page) => page.tell("a", "aborted"),
  "a signal that came while CRIU had it": (page) => page.process.kill(23),
};

for (const [what, event] of Object.entries(events)) {
  test(`a copy is restored, at once, whatever ends its hold: ${what}`, { skip }, async () => {
    await using app = startScript("copied_app.ts");
    assert.equal(await app.nextLine(), "attached");
    using page = await DriverPage.open(app.pid);
    assert.deepEqual(await notifyBySignal(page, { id: "a" }, 10_000), { reply: "ready" });
    writeFileSync(`/proc/${app.pid}/timens_offsets`, "monotonic 100 0\n");
    event(page);
    assert.equal(await app.nextLine(), "restored");
  });
}

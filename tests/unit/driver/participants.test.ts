import assert from "node:assert/strict";
import { test } from "node:test";
import { openAttached } from "../../../driver/attached.ts";
import { Participants } from "../../../driver/participants.ts";
import { startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { openOwnPage } from "../../support/own_page.ts";

test("an app that starts children all the time is never refused, and no child is told anything", async () => {
  await using app = startScript("spawning_app.ts");
  assert.equal(await app.nextLine(), "running");
  for (let round = 0; round < 60; round++) {
    using participants = await Participants.find(app.pid, {});
    assert.deepEqual(await participants.prepare(), [], `round ${round}`);
    assert.deepEqual(participants.pids, [app.pid]);
    participants.tell("aborted");
  }
});

test("a page that two processes show is opened once, for the first of them", async () => {
  using _page = await openOwnPage();
  const before = countDescriptors(/pidfd|memfd/);
  const pages = await openAttached([process.pid, process.pid]);
  assert.equal(pages.length, 1);
  assert.deepEqual(await openAttached([process.pid], pages), []);
  for (const page of pages) page[Symbol.dispose]();
  assert.equal(countDescriptors(/pidfd|memfd/), before);
});

/** Opens a page and, once a driver has said a word for notice `x`, publishes what it found there as the active id. */
import { openLibc } from "../../ffi/libc.ts";
import { AppPage } from "../../page/app_page.ts";

using page = new AppPage(await openLibc());
page.open(23);
console.log("open");
for (let word = page.word("x"); ; word = page.word("x")) {
  if (word) {
    const found = `x ${page.fields.text("notice")} ${word}`;
    page.publish("preparing", found, undefined, undefined, 0);
    page.publish("held", found, { reply: "ready" }, undefined, 0);
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Opens a page and, once a driver has said a word for notice `x`, publishes what it found there as the active id. */
import { openLibc } from "../../ffi/libc.ts";
import { AppPage } from "../../page/app_page.ts";

using page = new AppPage(await openLibc());
page.open(23);
console.log("open");
for (let word = page.word("x"); ; word = page.word("x")) {
  if (word) page.publish("held", `x ${page.noticeText()} ${word}`, { reply: "ready" }, undefined, 0);
  await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Shows a page, and becomes another user at SIGWINCH. */
import { openLibc } from "../../ffi/libc.ts";
import { AppPage } from "../../page/app_page.ts";

const libc = await openLibc();
const page = new AppPage(libc);
page.noticeSignal = 23;
page.open(23);
const { setuid } = libc.runtime.dlopen(libc.soname, { setuid: [["u32"], "i32"] } as const);
process.on("SIGWINCH", () => {
  setuid(65_534);
  console.log("nobody");
});
setInterval(() => {}, 1000);
console.log("open");

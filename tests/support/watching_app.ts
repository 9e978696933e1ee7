/** Shows a page with a marker in this directory, watches the directory, and stays: `watching_app.ts DIRECTORY`. */
import { watchDirectory } from "../../ffi/inotify.ts";
import { openLibc } from "../../ffi/libc.ts";
import { AppPage } from "../../page/app_page.ts";
import { SIGURG } from "./own_page.ts";

const directory = process.argv[2] as string;
const libc = await openLibc();
const page = new AppPage(libc);
page.open(SIGURG);
const strategies = [{ kind: "file", path: `${directory}/marker` }];
page.describe({ runtime: { name: "bun", version: "1" }, strategies, resources: [], lastRound: undefined });
watchDirectory(libc, directory, () => {});
console.log("open");
setInterval(() => {}, 1000);

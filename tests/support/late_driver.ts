/** `late_driver.ts PID ID`: notifies an app by signal as soon as it is held by another notice, and does not wait for the answer. */
import { DriverPage } from "../../page/driver_page.ts";

const [pid, id] = process.argv.slice(2) as [string, string];
using page = await DriverPage.open(Number(pid));
console.log("open");
await page.until(({ state }) => state === "held", 10_000);
page.notify({ id });

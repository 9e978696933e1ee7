/** A driver that gets an app ready and then does nothing: for being killed. */
import { pidNamespace } from "../../ffi/process.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { notify } from "../../strategies/notify.ts";

const page = await DriverPage.open(Number(process.argv[2]));
const driver = { pid: process.pid, namespace: pidNamespace("self") };
const { reply } = await notify(page, { id: crypto.randomUUID(), leaseMs: 30_000, driver }, 5_000);
console.log(reply);
setInterval(() => {}, 1000);

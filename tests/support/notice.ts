import type { Notice } from "../../lifecycle/types.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { notify } from "../../strategies/notify.ts";
import type { App } from "./app.ts";

/** Notifies an app as a driver that then does nothing more, and returns the id of the notice once the app is held. */
export async function holdApp(app: App, notice: Partial<Notice> = {}): Promise<string> {
  using page = await DriverPage.open(app.pid);
  const id = crypto.randomUUID();
  const reply = await notify(page, { id, leaseMs: 20_000, ...notice }, 5_000);
  if (reply.reply !== "ready") throw new Error(`The app refused: ${reply.reasons}`);
  return id;
}

/** What the page of an app shows. */
export async function pageStatus(app: App): Promise<ReturnType<DriverPage["status"]>> {
  using page = await DriverPage.open(app.pid);
  return page.status();
}

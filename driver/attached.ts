import { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";

/**
 * Opens the pages of those processes that are attached. The others, and those that have just ended, are left out.
 * @throws {PageError} when a page is damaged, or without the right to look. Nothing is left open then.
 */
export async function openAttached(pids: readonly number[]): Promise<DriverPage[]> {
  using opened = new DisposableStack();
  const pages: DriverPage[] = [];
  for (const pid of pids) {
    try {
      pages.push(opened.use(await DriverPage.open(pid)));
    } catch (error) {
      if (!(error instanceof PageError && error.code === "missing")) throw error;
    }
  }
  opened.move();
  return pages;
}

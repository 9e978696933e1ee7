import { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";

/**
 * Opens the pages of those processes that are attached; parents come before their children. The others, and those that have just
 * ended, are left out, and so is a child that shows the page of its parent: it may have the same pid in a pid namespace of its own.
 * The pages that are `known` are not opened again.
 * @throws {PageError} when a page is damaged, or without the right to look. Nothing is left open then.
 */
export async function openAttached(pids: readonly number[], known: readonly DriverPage[] = []): Promise<DriverPage[]> {
  using opened = new DisposableStack();
  const pages: DriverPage[] = [];
  for (const pid of pids) {
    try {
      const page = await DriverPage.open(pid);
      if ([...known, ...pages].some((other) => other.isSame(page))) page[Symbol.dispose]();
      else pages.push(opened.use(page));
    } catch (error) {
      if (!(error instanceof PageError && error.code === "missing")) throw error;
    }
  }
  opened.move();
  return pages;
}

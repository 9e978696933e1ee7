import { attachedAbove, openAttached } from "../driver/attached.ts";
import type { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";

/**
 * The pages of all attached processes of a tree; at least one.
 * @throws {UsageError} when there is no such process. @throws {PageError} when none is attached, or without the right to look.
 */
export async function openPages(pid: number): Promise<DriverPage[]> {
  const pages = await openAttached(pid);
  if (pages.length > 0) return pages;
  throw new PageError(
    pid,
    "missing",
    `No process in the tree of ${pid} is attached: its programs do not call attach() of criu-aware, or have not come to it yet.${attachedAbove(pid)}`,
  );
}

/** @throws what {@linkcode openPages} throws. */
export async function requireAttached(pid: number): Promise<void> {
  closePages(await openPages(pid));
}

/** Lets go of pages. */
export function closePages(pages: readonly DriverPage[]): void {
  for (const page of pages) page[Symbol.dispose]();
}

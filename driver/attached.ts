import { UsageError } from "../criu/usage_error.ts";
import { descriptorLinks } from "../ffi/descriptor_links.ts";
import { ancestorsOf, isInTree, processTree } from "../ffi/process_tree.ts";
import { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";
import { PAGE_LINK } from "../page/layout.ts";

/** What to leave out. */
export interface OpenOptions {
  /** Pages that are open already. */
  readonly known?: readonly DriverPage[];
  /** A process that is not asked. */
  readonly without?: number | undefined;
}

/**
 * Opens the pages of the attached processes of the tree of `root`; parents come before their children. The others, and those that have
 * just ended, are left out, and so is a child that shows the page of its parent: it may have the same pid in a pid namespace of its
 * own. A process is held by its page's pidfd before its place in the tree is looked at once more: a pid of the tree may be that of a
 * stranger by then.
 *
 * @throws {UsageError} when there is no such process.
 * @throws {PageError} when a page is damaged, or without the right to look. Nothing is left open then.
 */
export async function openAttached(root: number, { known = [], without }: OpenOptions = {}): Promise<DriverPage[]> {
  const tree = processTree(root);
  if (tree.length === 0) throw new UsageError(`There is no process ${root}.`);
  using opened = new DisposableStack();
  const pages: DriverPage[] = [];
  for (const pid of tree) {
    if (pid === without || known.some((page) => page.pid === pid)) continue;
    try {
      const page = await DriverPage.open(pid);
      const isStranger = !isInTree(pid, root) || !page.process.isAlive();
      if (isStranger || [...known, ...pages].some((other) => other.isSame(page))) page[Symbol.dispose]();
      else pages.push(opened.use(page));
    } catch (error) {
      if (!(error instanceof PageError && error.code === "missing")) throw error;
    }
  }
  opened.move();
  return pages;
}

/** Whether a process looks attached, by the names of its descriptors alone: good for a hint. */
export function looksAttached(pid: number): boolean {
  return descriptorLinks(pid).some(({ link }) => link === PAGE_LINK);
}

/** Says of a tree in which no process is attached that one above it is; "" where none is. */
export function attachedAbove(root: number): string {
  for (const pid of ancestorsOf(root)) {
    if (looksAttached(pid)) return ` Process ${pid}, above it, is attached: do you mean that?`;
  }
  return "";
}

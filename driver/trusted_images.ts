import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { requireOnlyWriter, requireOwner, UntrustedPathError, walkTrusted } from "../ffi/trusted_path.ts";

/** More dumps than an incremental one is ever built on. */
const MOST_PARENTS = 1000;

/**
 * Makes sure that nobody but root and this user could have put these images there, or can change them: a restored process runs with
 * the rights that its image names, so who writes an image is who it says. That others may read them is no matter here.
 *
 * @returns the path of the directory without symbolic links, to be used from here on.
 * @throws {UsageError} that names the file and the cure.
 */
export function requireTrustedImages(directory: string): string {
  try {
    const { path, parent } = lookAt(directory);
    let next = parent;
    for (let count = 0; next !== undefined && count < MOST_PARENTS; count++) next = lookAt(next).parent;
    return path;
  } catch (error) {
    if (!(error instanceof UntrustedPathError)) throw error;
    const { file } = error;
    const owner = `chown root ${printable(file)}; chmod go-w ${printable(file)}`;
    throw new UsageError(
      `Cannot restore ${printable(directory)}: ${error.message}, who could have changed the images. If you know them, run: ` +
        `${owner}. Or say that you trust them: trustImages (--trust-images).`,
    );
  }
}

/** Looks at one directory: its path without symbolic links, and that of the dump which it is built on. */
function lookAt(directory: string): { readonly path: string; readonly parent: string | undefined } {
  const { path, stat } = walkTrusted(directory);
  if (!stat?.isDirectory()) throw new UsageError(`Cannot restore: ${printable(path)} is no directory of images.`);
  requireOwner(path, stat);
  requireOnlyWriter(path, stat);
  for (const name of readdirSync(path)) {
    const file = join(path, name);
    const found = lstatSync(file);
    if (found.isSymbolicLink()) {
      if (name !== "parent") requireFile(walkTrusted(file));
      continue;
    }
    requireFile({ path: file, stat: found });
  }
  const parent = join(path, "parent");
  return { path, parent: lstatSync(parent, { throwIfNoEntry: false }) ? parent : undefined };
}

function requireFile({ path, stat }: ReturnType<typeof walkTrusted>): void {
  if (!stat) return;
  requireOwner(path, stat);
  requireOnlyWriter(path, stat);
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireDirectory, walkTrusted } from "../ffi/trusted_path.ts";

/** A directory for the files that we and CRIU exchange. Nobody else can enter it: what they say is believed, what they hold is run. */
export interface PrivateDirectory extends Disposable {
  /** Without symbolic links. */
  readonly path: string;
  /** Lets it stay after disposal. */
  keep(): void;
}

/**
 * Makes one below `place`, the directory for temporary files unless given; it goes at disposal, and when this process exits before.
 * @throws {UntrustedPathError} when somebody else could put another one in its place.
 */
export function privateDirectory(place: string = tmpdir()): PrivateDirectory {
  const parent = walkTrusted(place);
  if (parent.stat) requireDirectory(parent.path, parent.stat);
  const path = mkdtempSync(join(parent.path, "criu-aware-"));
  let isKept = false;
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  // A second Ctrl-C ends this process before it comes to the end of the block that uses it.
  process.once("exit", remove);
  return {
    path,
    keep() {
      isKept = true;
    },
    [Symbol.dispose]() {
      process.off("exit", remove);
      if (!isKept) remove();
    },
  };
}

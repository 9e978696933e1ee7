import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { watchDirectory } from "../../ffi/inotify.ts";
import type { Strategy } from "../strategy.ts";
import { createTrust } from "../trust.ts";
import { exchangeMarker, type FoundMarker, readMarker } from "./marker.ts";

/** What stands for the id of a notice that has none. */
const BARE = "";

/** Options of {@linkcode file}. */
export interface FileOptions {
  /** The marker file. Its directory must exist; others than root and the app's user must not be able to change it. */
  readonly path: string;
}

/**
 * Takes notices by a marker file: when it appears (`touch` is enough) the app prepares, and replaces it by its reply, then
 * by the outcome. inotify(7) by FFI tells of the change; what counts is what then stands in the file. For shells, containers
 * and Kubernetes volumes. It keeps the process alive until the agent is disposed.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { file } from "criu-aware/strategies/file";
 * const agent = await attach({ strategies: [file({ path: "/run/app/checkpoint" })] });
 * ```
 */
export function file(options: FileOptions): Strategy {
  return {
    kind: "file",
    start({ libc, page, deliver }) {
      const wanted = resolve(options.path);
      const directory = realpathSync(dirname(wanted));
      const path = join(directory, basename(wanted));
      checkDirectory(directory);
      const isTrusted = createTrust(libc);
      // Notices that are delivered and not answered: their markers stay until the answer replaces them.
      const open = new Set<string>();

      const look = (): void => {
        const found = readMarker(libc, path);
        if (found) take(found);
      };
      const take = ({ uid, marker }: FoundMarker): void => {
        if (marker.kind !== "notice") return;
        const key = marker.notice?.id ?? BARE;
        if (open.has(key)) return;
        if (!isTrusted(uid)) return page.countRejected();
        open.add(key);
        const notice = marker.notice ?? { id: crypto.randomUUID() };
        const put = (content: object): void => {
          const displaced = exchangeMarker(libc, path, { id: notice.id, ...content });
          // Somebody may have left the next notice at this very moment.
          if (displaced) take(displaced);
          open.delete(key);
        };
        deliver(notice, { reply: put, outcome: (outcome) => put({ outcome }) });
      };
      const watch = watchDirectory(libc, directory, look);
      // It may have been there before us.
      queueMicrotask(look);
      return {
        endpoint: { kind: "file", path },
        look,
        whileHeld: {
          fd: watch.fd,
          read(id) {
            watch.drain();
            const found = readMarker(libc, path);
            if (found?.marker.kind !== "word" || found.marker.id !== id || !isTrusted(found.uid)) return undefined;
            return found.marker.word;
          },
        },
        [Symbol.dispose]: () => watch[Symbol.dispose](),
      };
    },
  };
}

function checkDirectory(directory: string): void {
  const { mode } = statSync(directory);
  const othersMayWrite = (mode & 0o022) !== 0;
  const isSticky = (mode & 0o1000) !== 0;
  if (othersMayWrite && !isSticky) {
    throw new Error(`Cannot take notices in ${directory}: others may write there. Run: chmod go-w ${directory}`);
  }
}

/**
 * Notices by a marker file that appears.
 *
 * In Deno it needs `--allow-ffi --allow-read=DIR`, where DIR is the directory of the marker.
 *
 * @module
 */
import { lstatSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { createEntry, type Entry, entryAt, removeEntry } from "../../ffi/entries.ts";
import { watchDirectory } from "../../ffi/inotify.ts";
import type { Libc } from "../../ffi/libc.ts";
import { newId } from "../../ffi/new_id.ts";
import type { SystemCallError } from "../../ffi/system_call_error.ts";
import type { Caller } from "../../lifecycle/ports.ts";
import type { Strategy } from "../strategy.ts";
import { createTrust } from "../trust.ts";
import { directoryProblem, entryBeside, exchangeMarker, type FoundMarker, readMarker } from "./marker.ts";

/** Of those resources that could not be rebuilt: a marker is short. */
const MOST_NAMES = 8;
const LONGEST_NAME = 64;
/** How long to wait for the directory of the marker, when it is gone. */
const LOST_MS = 1000;

/** Options of {@linkcode file}. */
export interface FileOptions {
  /** The marker file. Its directory must exist, belong to the app's user, and be writable for nobody else. */
  readonly path: string;
}

/**
 * Takes notices by a marker file: when it appears (`touch` is enough) the app prepares, and replaces it by its reply, then
 * by the outcome, with the names of the resources that could not be rebuilt (`failed`). inotify(7) by FFI tells of the change; what
 * counts is what then stands in the file. For shells, containers and Kubernetes volumes. It keeps the process alive until the agent is disposed.
 *
 * At a point of its own (`agent.point()`) the app puts its reply there without a marker before it.
 *
 * A marker is a regular file with one name, written there or renamed to there. Symbolic links, as ConfigMaps have, and hard links
 * are none; what lies there and is none, or comes from a user that is neither root nor the app's, is left alone and counted.
 *
 * `attach()` throws when no reply could ever be put there: the directory is not the app's own, others may write to it, it is on a
 * file system that is read-only, or something that is no marker lies at the path.
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
      checkPlace(libc, directory, path);
      const entry = entryAt(path);
      const isTrusted = createTrust(libc);
      // What lies there and was dealt with, until an answer takes its place: it must be neither delivered nor counted twice.
      let dealtWith: string | undefined;
      // The checkpoint for which it was read while the app is held.
      let readFor: string | undefined;

      /** What cannot be read is not there, until its next change: nothing may end the watch, or a hold. */
      const find = (): FoundMarker | undefined => {
        try {
          return readMarker(libc, entry);
        } catch {
          return undefined;
        }
      };
      const look = (): void => {
        again ??= isWatched() ? undefined : setTimeout(lookAgain, LOST_MS);
        const found = find();
        if (found) take(found);
      };
      // The directory may have been deleted, and made again: nobody tells of that.
      let again: ReturnType<typeof setTimeout> | undefined;
      const lookAgain = (): void => {
        again = undefined;
        look();
      };
      const isWatched = (): boolean => {
        const stat = statSync(directory, { throwIfNoEntry: false });
        return stat !== undefined && problemOf(libc, stat) === undefined && watch.renew();
      };
      const take = ({ uid, identity, marker }: FoundMarker): void => {
        if (marker.kind !== "notice" && marker.kind !== "unusable") return;
        const given = marker.kind === "notice" ? marker.notice : undefined;
        const key = `${identity} ${given?.id}`;
        if (key === dealtWith) return;
        dealtWith = key;
        if (marker.kind === "unusable" || !isTrusted(uid)) return page.countRejected();
        const notice = given ?? { id: newId() };
        deliver(
          notice,
          answerTo(notice.id, () => {
            if (dealtWith === key) dealtWith = undefined;
          }),
        );
      };
      const answerTo = (id: string, onPut = (): void => {}): Caller => {
        const put = (content: object): void => {
          // Of a stranger's file nothing is believed, but it may be replaced: the directory is ours.
          const displaced = exchangeMarker(libc, entry, { id, ...content }, () => true);
          // Somebody may have left the next notice at this very moment.
          if (displaced) take(displaced);
          onPut();
        };
        return {
          reply: put,
          outcome(outcome, errors) {
            const failed = errors.slice(0, MOST_NAMES).map(({ resource }) => resource.slice(0, LONGEST_NAME));
            put({ outcome, ...(failed.length > 0 ? { failed } : {}) });
          },
        };
      };
      const watch = watchDirectory(libc, directory, look);
      // It may have been there before us.
      queueMicrotask(look);
      return {
        endpoint: { kind: "file", path },
        look,
        point: (noticeId) => answerTo(noticeId),
        whileHeld: {
          fd: watch.fd,
          read(id) {
            // Only after a change: a marker that is open when CRIU comes would have to be as it was at the restore.
            if (!watch.drain() && id === readFor) return undefined;
            readFor = id;
            const found = find();
            if (found?.marker.kind !== "word" || found.marker.id !== id || !isTrusted(found.uid)) return undefined;
            return found.marker.word;
          },
        },
        [Symbol.dispose]() {
          clearTimeout(again);
          watch[Symbol.dispose]();
        },
      };
    },
  };
}

function problemOf(libc: Libc, { uid, mode }: Stats): string | undefined {
  return directoryProblem({ type: "directory", uid, mode }, libc.geteuid());
}

/** Throws when a marker at `path` could never be answered. */
function checkPlace(libc: Libc, directory: string, path: string): void {
  const uid = libc.geteuid();
  const problem = problemOf(libc, statSync(directory)) ?? writeProblem(libc, entryAt(path));
  if (problem) {
    throw new Error(
      `Cannot take notices in ${directory}: ${problem}. Use a directory that user ${uid} makes, with mode 755 or 700.`,
    );
  }
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there && !(there.isFile() && there.nlink === 1)) {
    throw new Error(
      `Cannot take notices at ${path}: what lies there is not a regular file with one name. A symbolic link, as in a ConfigMap volume, or a hard link does not work; a file that is written there, or renamed to there, does: use an emptyDir volume, a tmpfs or another directory of the app's.`,
    );
  }
}

/** By trying: access(2) is not what Deno's accessSync() asks. */
function writeProblem(libc: Libc, entry: Entry): string | undefined {
  const probe = entryBeside(entry);
  try {
    createEntry(libc, probe, new Uint8Array());
    removeEntry(libc, probe);
    return undefined;
  } catch (error) {
    return `the app cannot write there (${(error as SystemCallError).code})`;
  }
}

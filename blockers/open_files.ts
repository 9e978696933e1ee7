import { decoder, encoder } from "../ffi/bytes.ts";
import type { Libc } from "../ffi/libc.ts";
import { O_DIRECTORY } from "../ffi/open_flags.ts";
import { type FileStat, statAt } from "../ffi/stat.ts";
import { scanCalls } from "./calls.ts";

const O_CLOEXEC = 0o2000000;
const O_DIRECTORY_CLOEXEC = O_CLOEXEC | O_DIRECTORY;
const LONGEST_PATH = 4096;

/** A directory of /proc about descriptors or mappings: /proc/pid/fd, fdinfo or map_files. */
export interface ProcDirectory extends Disposable {
  /** The text of a file (at most its first 4 KiB); "" when it is gone. */
  text(name: string): string;
  /** Where a link points to, as text; undefined when it is gone. */
  link(name: string): string | undefined;
  /** What is behind a link; undefined when it is gone, or may not be looked at. */
  state(name: string): FileStat | undefined;
}

const name = new Uint8Array(64);
/** What `name` holds: the same one is most often asked for twice or more. */
let named = "";
const text = new Uint8Array(LONGEST_PATH);

/** Opens such a directory; undefined when there is none, or it may not be read. */
export function openDirectory(libc: Libc, path: string): ProcDirectory | undefined {
  const calls = scanCalls(libc);
  const directory = calls.open(encoder.encode(`${path}\0`), O_DIRECTORY_CLOEXEC, 0);
  if (directory < 0) return undefined;
  const setName = (entry: string): void => {
    if (entry === named) return;
    name[encoder.encodeInto(entry, name).written] = 0;
    named = entry;
  };
  return {
    text(entry) {
      setName(entry);
      const file = calls.openat(directory, name, O_CLOEXEC, 0);
      if (file < 0) return "";
      const length = calls.read(file, text, text.length);
      libc.close(file);
      return length < 0 ? "" : decoder.decode(text.subarray(0, length));
    },
    link(entry) {
      setName(entry);
      const length = calls.readlinkat(directory, name, text, text.length);
      return length < 0 ? undefined : decoder.decode(text.subarray(0, length));
    },
    state(entry) {
      setName(entry);
      return statAt(libc, directory, name);
    },
    [Symbol.dispose]: () => void libc.close(directory),
  };
}

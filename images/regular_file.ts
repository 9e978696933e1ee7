import { closeSync, constants, fstatSync, read, type Stats } from "node:fs";
import { openChecked } from "../ffi/open_checked.ts";
import { ImageError } from "./errors.ts";

/** An open regular file; disposal closes it. */
export interface RegularFile extends Disposable {
  readonly path: string;
  readonly fd: number;
  readonly stat: Stats;
}

/**
 * Opens a file for reading. Anything but a regular file is refused, and is not even opened: somebody may have put a pipe or a device
 * among the images.
 * @param flags O_NOFOLLOW refuses a symbolic link as well.
 * @throws {ImageError}
 */
export function openRegularFile(path: string, flags = 0): RegularFile {
  let fd: number;
  try {
    fd = openChecked(path, constants.O_RDONLY | flags, (held) => {
      if (!fstatSync(held).isFile()) throw new ImageError(path, "is no regular file");
    });
  } catch (cause) {
    if (cause instanceof ImageError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const reason =
      code === "ENOENT" ? "is missing" : `cannot be read (${code}): read it as the user who dumped, or as root`;
    throw new ImageError(path, reason, { cause });
  }
  return { path, fd, stat: fstatSync(fd), [Symbol.dispose]: () => closeSync(fd) };
}

const CHUNK = 2 ** 20;

/**
 * The content of a file, a mebibyte at a time; the event loop turns meanwhile. Each piece is valid until the next is asked for.
 * @param onBytes told how much was read so far.
 * @param flags as those of {@linkcode openRegularFile}.
 * @throws {ImageError}
 */
export async function* readChunks(
  path: string,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
  flags = 0,
): AsyncGenerator<Uint8Array> {
  using file = openRegularFile(path, flags);
  const buffer = Buffer.alloc(Math.min(CHUNK, file.stat.size));
  for (let position = 0; position < file.stat.size; ) {
    signal?.throwIfAborted();
    const count = await readAt(file, buffer, position);
    // It became shorter meanwhile.
    if (count === 0) return;
    position += count;
    onBytes?.(position);
    yield buffer.subarray(0, count);
  }
}

function readAt({ fd, path }: RegularFile, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (cause, count) => {
      if (cause) reject(new ImageError(path, `cannot be read to its end: ${cause.message}`, { cause }));
      else resolve(count);
    });
  });
}

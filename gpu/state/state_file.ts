import { closeSync, constants, fstatSync, readSync } from "node:fs";
import { describeHoles } from "../../ffi/holes.ts";
import { openChecked } from "../../ffi/open_checked.ts";
import { checksum } from "./checksum.ts";
import { type Control, readControl } from "./control.ts";
import { layoutOf, type ParsedFile, parseFile } from "./parse.ts";
import { StateError } from "./state_error.ts";

const PIECE = 2 ** 22;

/** A safetensors file that is open for reading: one of ours, exported or a live segment, or anybody's. */
export interface StateFile extends Disposable, ParsedFile {
  readonly place: string;
  /** What the control block says; undefined in a file that is not of this library. */
  readonly control: Control | undefined;
  /** Reads bytes from `offset` of the file. Throws StateError `truncated` when it has become shorter. */
  read(into: Uint8Array, offset: number): void;
  /** The whole file, in order; each piece is valid until the next is asked for. */
  pieces(): Iterable<Uint8Array>;
  /** crc32 of the bytes of a part, read in pieces. */
  checksum(offset: number, bytes: number): number;
}

/**
 * Opens a safetensors file, also `/proc/PID/fd/N` of a segment, and reads its header. No byte of the data is checked yet.
 * @throws {StateError} `foreign`, `truncated`; for one of ours also `empty`, `unfinished`, `corrupt`.
 * @throws {Error} of node:fs when it cannot be opened.
 */
export function openStateFile(path: string): StateFile {
  const place = JSON.stringify(path);
  const fd = openChecked(path, constants.O_RDONLY, (held) => {
    if (!fstatSync(held).isFile()) throw new StateError("foreign", `Cannot read ${place}: it is no file.`);
  });
  try {
    const stat = fstatSync(fd);
    const holes = describeHoles(stat);
    if (holes !== undefined) throw new StateError("foreign", `Cannot read ${place}: ${holes}`);
    const read = (into: Uint8Array, offset: number): void => {
      for (let done = 0; done < into.length; ) {
        // Neither runtime reads more than 2 GiB at once.
        const got = readSync(fd, into, done, Math.min(into.length - done, 2 ** 30), offset + done);
        if (got === 0) throw new StateError("truncated", `Cannot read ${place}: it ends too early. Save it again.`);
        done += got;
      }
    };
    const start = (bytes: number): Uint8Array => {
      const into = new Uint8Array(bytes);
      read(into, 0);
      return into;
    };
    function* piecesOf(offset: number, bytes: number): Generator<Uint8Array> {
      const piece = new Uint8Array(Math.min(bytes, PIECE));
      for (let done = 0; done < bytes; done += PIECE) {
        const part = piece.subarray(0, Math.min(PIECE, bytes - done));
        read(part, offset + done);
        yield part;
      }
    }
    const file = parseFile(start, stat.size, place);
    return {
      ...file,
      place,
      control: file.metadata.has("criu-aware.version") ? controlOf(file, read, place) : undefined,
      read,
      pieces: () => piecesOf(0, file.bytes),
      checksum(offset, bytes) {
        let sum = 0;
        for (const piece of piecesOf(offset, bytes)) sum = checksum(piece, sum);
        return sum;
      },
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function controlOf(file: ParsedFile, read: (into: Uint8Array, offset: number) => void, place: string): Control {
  const layout = layoutOf(file, place);
  const block = new ArrayBuffer(layout.controlBytes);
  read(new Uint8Array(block), layout.header.length);
  const control = readControl(block, layout.tensors.size);
  if (typeof control === "object" && control.headerChecksum === checksum(layout.header)) return control;
  if (typeof control === "object") throw new StateError("corrupt", `Cannot read ${place}: its header has changed.`);
  const found = {
    empty: "nothing was saved there yet",
    unfinished: "a save is under way there, or was not finished",
    corrupt: "the checksum of its control block does not match",
  };
  throw new StateError(control, `Cannot read ${place}: ${found[control]}.`);
}

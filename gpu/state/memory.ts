import { openLibc } from "../../ffi/libc.ts";
import { type Copy, copyWithChecksum } from "./checksum.ts";
import { openCopy } from "./copy_code.ts";
import { createHeapSegment } from "./heap.ts";
import { createSegment, openSegment, type Segment, unlinkSegment } from "./segment.ts";

/** Where segments come from: `create`, `open` and `unlink` are createSegment() and its neighbours of segment.ts. */
export interface Memory {
  /** Bytes of the largest view. */
  readonly maxView: number;
  /** Into a segment, and out of one. */
  readonly copy: Copy;
  create(name: string | undefined, bytes: number): Segment;
  open(name: string, known?: Segment): Segment | undefined;
  unlink(name: string): void;
}

const heap: Memory = {
  maxView: Number.MAX_SAFE_INTEGER,
  copy: copyWithChecksum,
  create: (_, bytes) => createHeapSegment(bytes),
  open: () => undefined,
  unlink: () => {},
};

/**
 * The memory that the options of a state ask for.
 * @throws {RangeError} for a `name` on the heap, or a memory that there is not.
 * @throws {UnsupportedPlatformError} when it must be shared on anything but Linux.
 */
export async function openMemory(options: {
  readonly name?: string;
  readonly memory?: "shared" | "heap";
}): Promise<Memory> {
  const { name, memory = process.platform === "linux" ? "shared" : "heap" } = options;
  if (memory === "shared") return sharedMemory();
  if (memory !== "heap") throw new RangeError(`Cannot open a state in ${memory} memory: there is "shared" and "heap".`);
  if (name === undefined) return heap;
  throw new RangeError(
    `Cannot keep the state ${JSON.stringify(name)} on the heap: only shared memory has names, and it needs Linux. Leave out \`name\`.`,
  );
}

async function sharedMemory(): Promise<Memory> {
  const libc = await openLibc();
  return {
    // bun:ffi makes no view that is larger.
    maxView: libc.runtime.name === "bun" ? 2 ** 32 : Number.MAX_SAFE_INTEGER,
    copy: openCopy(libc),
    create: (name, bytes) => createSegment(libc, name, bytes),
    open: (name, known) => openSegment(libc, name, known),
    unlink: (name) => unlinkSegment(libc, name),
  };
}

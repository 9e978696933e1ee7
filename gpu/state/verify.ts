import { type Copy, checksum } from "./checksum.ts";
import { describe } from "./dtype.ts";
import type { Placed, Shaped } from "./layout.ts";
import type { Committed, Slot } from "./slot.ts";
import { StateError } from "./state_error.ts";

const PIECE = 2 ** 28;

/** What was saved: every checksum was right. Disposal ends its buffers, unless they are copies. */
export interface Saved extends Disposable {
  readonly generation: number;
  readonly tensors: ReadonlyMap<string, Placed & { readonly buffer: ArrayBuffer }>;
  /** Members of `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The whole file, in order; only in place. */
  pieces(): Iterable<Uint8Array>;
}

/**
 * Checks every byte of a slot, in place or while it is copied out. Throws StateError `corrupt` with the name of the tensor, and `space`
 * when it has holes that there is no memory for.
 */
export function verify(slot: Slot, { layout, control }: Committed, how: Copy | "in place"): Saved {
  slot.reserve();
  const window = slot.lend();
  try {
    const tensors = new Map<string, Placed & { buffer: ArrayBuffer }>();
    for (const [name, placed] of layout.tensors) {
      // The copy is what is verified: a writer in another process may be changing the original.
      const buffer = how === "in place" ? window.view(placed.offset, placed.bytes) : new ArrayBuffer(placed.bytes);
      const bytes = new Uint8Array(buffer);
      const sum = how === "in place" ? checksum(bytes) : how(window.bytes(placed.offset, placed.bytes), bytes);
      if (sum !== control.checksums[tensors.size]) {
        throw new StateError(
          "corrupt",
          `Cannot load ${name} from ${slot.place}: its checksum does not match. Save the state again.`,
        );
      }
      tensors.set(name, { ...placed, buffer });
    }
    if (how !== "in place") window[Symbol.dispose]();
    return {
      generation: control.generation,
      tensors,
      metadata: layout.metadata,
      *pieces() {
        for (let offset = 0; offset < layout.bytes; offset += PIECE)
          yield new Uint8Array(window.view(offset, Math.min(PIECE, layout.bytes - offset)));
      },
      [Symbol.dispose]: () => window[Symbol.dispose](),
    };
  } catch (error) {
    window[Symbol.dispose]();
    throw error;
  }
}

/** Whether every checksum is right. */
export function isGood(slot: Slot, committed: Committed): boolean {
  try {
    verify(slot, committed, "in place")[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** Throws StateError `schema` unless the tensors are those that are expected. */
export function requireSame(
  expected: ReadonlyMap<string, Shaped>,
  found: ReadonlyMap<string, Shaped>,
  place: string,
): void {
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    const [wanted, there] = [textOf(expected.get(name)), textOf(found.get(name))];
    if (wanted === there) continue;
    throw new StateError(
      "schema",
      `Cannot load ${place}: ${name} is ${wanted} in the schema and ${there} in what was saved. Use the schema it was saved with.`,
    );
  }
}

function textOf(shaped: Shaped | undefined): string {
  return shaped ? describe(shaped.dtype, shaped.shape) : "missing";
}

import { newId } from "../../ffi/new_id.ts";
import type { Segment, Window } from "./segment.ts";
import { StateError } from "./state_error.ts";

/**
 * Creates a segment of `bytes` zeros in the ordinary memory of this process, for where there is no shared memory.
 * Throws StateError `space`.
 */
export function createHeapSegment(bytes: number): Segment {
  let memory = allocate(bytes);
  return {
    id: newId(),
    bytes,
    window: () => openWindow(memory),
    isWhole: () => true,
    reserve: () => {},
    publish: () => {},
    [Symbol.dispose](): void {
      memory = new ArrayBuffer(0);
    },
  };
}

function allocate(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    const message = `Cannot keep ${bytes} bytes on the heap: there is not enough memory, or no ArrayBuffer is that large (in Bun 4 GiB).`;
    throw new StateError("space", message, { cause });
  }
}

/**
 * No two ArrayBuffers share memory, so a view is a copy, put back when its window ends. That does no harm, because nobody
 * looks at bytes that another one writes: before a save begins, a slot ends all windows that it lent.
 */
function openWindow(memory: ArrayBuffer): Window {
  const views: { readonly offset: number; readonly view: ArrayBuffer }[] = [];
  return {
    view(offset, bytes) {
      const view = memory.slice(offset, offset + bytes);
      views.push({ offset, view });
      return view;
    },
    bytes: (offset, bytes) => new Uint8Array(memory, offset, bytes),
    [Symbol.dispose](): void {
      for (const { offset, view } of views.splice(0)) {
        if (view.detached) continue;
        new Uint8Array(memory).set(new Uint8Array(view), offset);
        view.transfer(0);
      }
    },
  };
}

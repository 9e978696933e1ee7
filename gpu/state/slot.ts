import { checksum } from "./checksum.ts";
import { type Control, invalidate, readControl } from "./control.ts";
import type { Layout } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { parseLayout } from "./parse.ts";
import type { Segment, Window } from "./segment.ts";
import { StateError } from "./state_error.ts";

/** A committed file: its layout and what its control block says. The data is not verified yet. */
export interface Committed {
  readonly layout: Layout;
  readonly control: Control;
}

/** The place of one state file: a memfd, shared memory by name, or the heap. */
export class Slot implements Disposable {
  readonly #memory: Memory;
  readonly #name: string | undefined;
  readonly #windows = new Set<Window>();
  #segment: Segment | undefined;
  /** The layout that was last found here. */
  #parsed: Layout | undefined;

  constructor(memory: Memory, name: string | undefined) {
    this.#memory = memory;
    this.#name = name;
  }

  /** For messages. */
  get place(): string {
    return this.#name === undefined ? "the state" : `the state in /dev/shm/${this.#name}`;
  }

  /** Takes the memory for `layout` unless something is here already. Throws StateError `space`. */
  prepare(layout: Layout): void {
    this.#reopen();
    if (!this.#segment) this.#adopt(this.create(layout));
  }

  /** A new segment with the header of `layout`, not yet in this place. */
  create(layout: Layout): Segment {
    const segment = this.#memory.create(this.#name, layout.bytes);
    using window = segment.window();
    new Uint8Array(window.view(0, layout.header.length)).set(layout.header);
    return segment;
  }

  /** What is committed here. Throws StateError: `empty`, `unfinished`, `truncated`, `corrupt`, `foreign`. */
  inspect(): Committed {
    try {
      return this.#inspect();
    } catch (error) {
      // A writer in another process may have put a new segment under the name.
      if (this.#name === undefined) throw error;
      this.#reopen();
      return this.#inspect();
    }
  }

  /** The segment, marked as unfinished and ready for data, when it has this very layout. */
  reuse(layout: Layout): Segment | undefined {
    const segment = this.#segment;
    if (segment?.bytes !== layout.bytes) return undefined;
    using window = segment.window();
    if (!hasHeader(window, layout)) return undefined;
    segment.reserve();
    this.recall();
    invalidate(window.view(layout.header.length, layout.controlBytes));
    return segment;
  }

  /** Puts a new, committed segment in this place. */
  replace(segment: Segment): void {
    const old = this.#segment;
    let block: { offset: number; bytes: number } | undefined;
    try {
      const { layout } = this.#inspect();
      block = { offset: layout.header.length, bytes: layout.controlBytes };
    } catch {
      // Nothing is committed there: nobody needs to be told.
    }
    segment.publish();
    if (old && block) {
      // Those who have the old segment mapped see that it is no longer the state, and open the name again.
      using window = old.window();
      invalidate(window.view(block.offset, block.bytes));
    }
    this.#drop();
    this.#segment = segment;
  }

  /** Makes sure that all of it can be read. Throws StateError `space`. */
  reserve(): void {
    this.#segment?.reserve();
  }

  /** Opens a window on the segment that lives until `recall`, the disposal of the slot, or its own. */
  lend(): Window {
    const window = (this.#segment as Segment).window();
    const lent: Window = {
      ...window,
      [Symbol.dispose]: () => {
        this.#windows.delete(lent);
        window[Symbol.dispose]();
      },
    };
    this.#windows.add(lent);
    return lent;
  }

  /** Ends every window that was lent. */
  recall(): void {
    for (const window of [...this.#windows]) window[Symbol.dispose]();
  }

  unlink(): void {
    if (this.#name !== undefined) this.#memory.unlink(this.#name);
  }

  [Symbol.dispose](): void {
    this.#drop();
  }

  #inspect(): Committed {
    const segment = this.#segment;
    if (!segment) throw new StateError("empty", `Cannot read ${this.place}: nothing was saved there. Save first.`);
    if (!segment.isWhole())
      throw new StateError(
        "truncated",
        `Cannot read ${this.place}: its size was changed from outside. Save the state again.`,
      );
    using window = segment.window();
    const layout = this.#layoutIn(window, segment.bytes);
    const control = readControl(window.view(layout.header.length, layout.controlBytes), layout.tensors.size);
    if (typeof control === "object" && control.headerChecksum === checksum(layout.header)) return { layout, control };
    const code = typeof control === "object" ? "corrupt" : control;
    const found = {
      empty: "nothing was saved there. Save first.",
      unfinished:
        "a save began there and was not finished. Save the state again, and use two slots to keep the last good one.",
      corrupt: "the checksum of its header or control block does not match. Save the state again.",
    };
    throw new StateError(code, `Cannot read ${this.place}: ${found[code]}`);
  }

  #layoutIn(window: Window, bytes: number): Layout {
    // To parse hundreds of tensors takes longer than to save them.
    if (this.#parsed?.bytes !== bytes || !hasHeader(window, this.#parsed)) {
      this.#parsed = parseLayout((length) => new Uint8Array(window.view(0, length)), bytes, this.place);
    }
    return this.#parsed;
  }

  #reopen(): void {
    if (this.#name === undefined) return;
    const segment = this.#memory.open(this.#name, this.#segment);
    if (segment && segment === this.#segment) return;
    this.#drop();
    this.#segment = segment;
  }

  #adopt(segment: Segment): void {
    segment.publish();
    this.#segment = segment;
  }

  #drop(): void {
    this.recall();
    this.#segment?.[Symbol.dispose]();
    this.#segment = undefined;
  }
}

/** Whether the file begins with the header of `layout`. The file is as long as the layout says. */
function hasHeader(window: Window, { header }: Layout): boolean {
  return Buffer.compare(new Uint8Array(window.view(0, header.length)), header) === 0;
}

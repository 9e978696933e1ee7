import { Changes, type SaveOptions } from "./changes.ts";
import { checksum } from "./checksum.ts";
import { type Control, commit } from "./control.ts";
import { type Layout, layOut, type Placed, type Shaped } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { MAX_HEADER } from "./parse.ts";
import { type Committed, Slot } from "./slot.ts";
import { StateError } from "./state_error.ts";
import { isGood, requireSame, type Saved, verify } from "./verify.ts";

/** Where a state is kept. */
export interface StateOptions {
  /**
   * Letters, digits, `.`, `_`, `-`: the segments are `/dev/shm/NAME.0` and `NAME.1`, of mode 0600. They stay out of
   * CRIU's images, outlive the process and can be shared. Without a name they are memfds, which travel inside the
   * images.
   */
  readonly name?: string;
  /** With 2 a crash while saving leaves the last good state, for twice the memory. @default 1 */
  readonly slots?: 1 | 2;
  /**
   * `heap`: ordinary memory of this process, for where there is no shared memory. It cannot have a name, nobody else sees
   * it, each save and `read()` makes a copy of the data that `shared` does not need, and in Bun a slot has at most 4 GiB.
   * @default "shared" on Linux, "heap" on other systems
   */
  readonly memory?: "shared" | "heap";
}

/** A save in progress. Disposal without `commit` gives it up. */
export interface SlotWriter extends Disposable {
  /** Of those that are to be written. */
  readonly buffers: ReadonlyMap<string, ArrayBuffer>;
  /** Copies `from` into the buffer, and takes its checksum meanwhile. Not needed for what is held. */
  write(name: string, from: ArrayBufferView): void;
  /** `checksumOf` may know the crc32 of a buffer. */
  commit(checksumOf?: (buffer: ArrayBuffer) => number | undefined): void;
}

// From what says most about the state to what says least.
const tellingOrder = ["busy", "corrupt", "truncated", "foreign", "unfinished", "empty"];

/** One or two slots, written in turn. */
export class Slots implements Disposable {
  readonly #slots: readonly Slot[];
  readonly #memory: Memory;
  /** The last slot whose checksums were found right, or that was committed here. */
  #current: { readonly slot: Slot; readonly generation: number } | undefined;
  #writer: SlotWriter | undefined;
  /** The slot whose own bytes the writer is changing. */
  #writing: Slot | undefined;
  #closed = false;
  #newest = 0;
  readonly #changes = new Changes();
  generation = 0;

  constructor(memory: Memory, { name, slots = 1 }: StateOptions) {
    if (name !== undefined && !/^[\w-][\w.-]{0,199}$/.test(name)) {
      throw new RangeError(
        `Cannot open the state ${JSON.stringify(name)}: a name has 1 to 200 letters, digits, ".", "_" or "-".`,
      );
    }
    if (slots !== 1 && slots !== 2)
      throw new RangeError(`Cannot open a state with ${String(slots)} slots: there are 1 or 2.`);
    this.#memory = memory;
    this.#slots = Array.from(
      { length: slots },
      (_, i) => new Slot(memory, name === undefined ? undefined : `${name}.${i}`),
    );
  }

  /** Takes the memory for `layout` in every slot, and does what the first save would have to do. */
  prepare(layout: Layout): void {
    this.#refuseTooLong(layout);
    for (const slot of this.#slots) slot.prepare(layout);
    this.#target();
  }

  /** Begins a save in the slot that does not hold the last good state. */
  begin(layout: Layout, { changed = "all" }: SaveOptions = {}): SlotWriter {
    this.#refuseClosed();
    if (this.#writer)
      throw new StateError(
        "busy",
        "Cannot begin a save: another one is in progress. Commit or dispose that one first.",
      );
    this.#refuseTooLong(layout);
    const slot = this.#target();
    const names = typeof changed === "string" ? undefined : new Set(changed);
    const before = changed === "all" ? undefined : controlIn(slot, layout);
    const held = names && this.#changes.held(before, layout, this.#newest, names);
    const warm = slot.reuse(layout);
    this.#writing = warm && slot;
    const segment = warm ?? slot.create(layout);
    const window = segment.window();
    let views: Map<string, ArrayBuffer> | undefined;
    const earlier = new Map(before && [...layout.tensors.keys()].map((name, i) => [name, before.checksums[i]]));
    const sums = new Map<string, number>();
    for (const name of held ?? []) sums.set(name, earlier.get(name) as number);
    let open = true;
    const end = (): void => {
      open = false;
      window[Symbol.dispose]();
      this.#writer = this.#writing = undefined;
    };
    const abandon = (): void => {
      if (!open) return;
      end();
      if (!warm) segment[Symbol.dispose]();
    };
    const writer: SlotWriter = {
      get buffers() {
        if (views) return views;
        const written = [...layout.tensors].filter(([name]) => !held?.has(name));
        views = new Map(written.map(([name, { offset, bytes }]) => [name, window.view(offset, bytes)]));
        return views;
      },
      write: (name, { buffer, byteOffset, byteLength }) => {
        if (held?.has(name)) return;
        const { offset, bytes } = layout.tensors.get(name) as Placed;
        const [source, target] = [new Uint8Array(buffer, byteOffset, byteLength), window.bytes(offset, bytes)];
        const sum = earlier.get(name);
        const same = changed === "compare" && warm && sum !== undefined && Buffer.compare(source, target) === 0;
        sums.set(name, same ? sum : this.#memory.copy(source, target));
      },
      commit: (checksumOf) => {
        if (!open) throw new StateError("closed", "Cannot commit: this save has ended. Begin another.");
        const checksums = [...layout.tensors.keys()].map(
          (name) => sums.get(name) ?? sumOf(writer.buffers.get(name) as ArrayBuffer, checksumOf),
        );
        const control = { generation: this.#newest + 1, headerChecksum: checksum(layout.header), checksums };
        commit(window.view(layout.header.length, layout.controlBytes), control);
        try {
          if (!warm) slot.replace(segment);
        } catch (error) {
          abandon();
          throw error;
        }
        end();
        this.generation = this.#newest = control.generation;
        this.#changes.add({ generation: control.generation, header: layout.header, checksums, changed: names });
        this.#current = { slot, generation: this.generation };
      },
      [Symbol.dispose]: abandon,
    };
    this.#writer = writer;
    return writer;
  }

  /** The newest state whose checksums are right: a copy, or in place. `expected` are the tensors that it must have. */
  read(how: "copy" | "in place", expected?: ReadonlyMap<string, Shaped>): Saved {
    this.#refuseClosed();
    const failures: StateError[] = [];
    for (const { slot, committed } of this.#inspect(failures)) {
      try {
        if (expected) requireSame(expected, committed.layout.tensors, slot.place);
        const saved = verify(slot, committed, how === "copy" ? this.#memory.copy : "in place");
        this.generation = saved.generation;
        this.#current = { slot, generation: this.generation };
        return saved;
      } catch (error) {
        // An older state of another schema, or one that is stale but fits, must not hide that the newest does not fit.
        if (!(error instanceof StateError) || error.code === "schema") throw error;
        failures.unshift(error);
      }
    }
    failures.sort((a, b) => tellingOrder.indexOf(a.code) - tellingOrder.indexOf(b.code));
    throw failures[0];
  }

  unlink(): void {
    for (const slot of this.#slots) slot.unlink();
  }

  [Symbol.dispose](): void {
    this.#writer?.[Symbol.dispose]();
    this.#closed = true;
    for (const slot of this.#slots) slot[Symbol.dispose]();
  }

  /** The slots with something committed in them, the newest first. */
  #inspect(failures: StateError[]): { slot: Slot; committed: Committed }[] {
    const found: { slot: Slot; committed: Committed }[] = [];
    for (const slot of this.#slots) {
      try {
        if (slot === this.#writing)
          throw new StateError("busy", `Cannot read ${slot.place}: a save is in progress. Commit or dispose it first.`);
        const committed = slot.inspect();
        this.#newest = Math.max(this.#newest, committed.control.generation);
        found.push({ slot, committed });
      } catch (error) {
        if (!(error instanceof StateError)) throw error;
        failures.push(error);
      }
    }
    return found.sort((a, b) => b.committed.control.generation - a.committed.control.generation);
  }

  /** The slot that may be overwritten: not the one of the newest state whose checksums are right. */
  #target(): Slot {
    const [first, second] = this.#slots as [Slot, Slot?];
    const found = this.#inspect([]);
    if (!second) return first;
    const good = found.find(({ slot, committed: { control, layout } }) => {
      // What was verified before need not be verified again; another process may have saved meanwhile.
      const known = this.#current?.slot === slot && this.#current.generation === control.generation;
      return known || isGood(slot, { control, layout });
    });
    this.#current = good && { slot: good.slot, generation: good.committed.control.generation };
    return this.#current?.slot === first ? second : first;
  }

  #refuseTooLong(layout: Layout): void {
    for (const [name, { bytes }] of layout.tensors) {
      if (bytes <= this.#memory.maxView) continue;
      throw new StateError("schema", `Cannot keep ${name}: in Bun a tensor has at most 4 GiB. Split it into several.`);
    }
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StateError("closed", "Cannot use the state: it was disposed. Open it again.");
  }
}

function sumOf(buffer: ArrayBuffer, known?: (buffer: ArrayBuffer) => number | undefined): number {
  return known?.(buffer) ?? checksum(new Uint8Array(buffer));
}

/** What is committed in the slot, if it has this very layout. */
function controlIn(slot: Slot, { header }: Layout): Control | undefined {
  try {
    const { layout, control } = slot.inspect();
    return Buffer.compare(layout.header, header) === 0 ? control : undefined;
  } catch (error) {
    if (error instanceof StateError) return undefined;
    throw error;
  }
}

/** The layout of a set of tensors. Throws StateError `schema` when there are too many, or too many bytes. */
export function placeTensors(
  specs: ReadonlyMap<string, Shaped>,
  metadata: Readonly<Record<string, string>> = {},
): Layout {
  const layout = layOut(specs, metadata);
  if (Number.isSafeInteger(layout.bytes) && layout.header.length <= MAX_HEADER) return layout;
  throw new StateError("schema", "Cannot keep the state: all tensors together are too large.");
}

import type { RingMemory } from "../ffi/doorbell.ts";
import type { Libc } from "../ffi/libc.ts";
import { createMemfd, type SharedMemory } from "../ffi/shared_memory.ts";
import type { Outcome, Reply, State } from "../lifecycle/types.ts";
import { type PageDocument, writeDocument } from "./document.ts";
import { Fields } from "./fields.ts";
import {
  outcomes,
  PAGE_BYTES,
  PAGE_MAGIC,
  PAGE_NAME,
  PAGE_VERSION,
  replies,
  ring,
  states,
  type Word,
  words,
} from "./layout.ts";

/** The app's half of the page. */
export class AppPage implements Disposable {
  readonly #libc: Libc;
  readonly #memory: SharedMemory;
  #fields: Fields;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#memory = createMemfd(libc, PAGE_NAME, PAGE_BYTES, { sealed: true });
    this.#fields = new Fields(libc, this.#memory);
    this.#fields.set("version", PAGE_VERSION);
    this.#fields.set("bytes", PAGE_BYTES);
    this.#fields.set("pid", libc.getpid());
  }

  /** Where the signal handler records its rings. */
  get ring(): RingMemory {
    const { buffer, address } = this.#memory;
    return { address: address + BigInt(ring.at), view: new DataView(buffer, ring.at), slots: ring.slots };
  }

  /** Makes the page one that drivers recognise: the last step of attaching. */
  open(kick: number): void {
    this.#fields.set("kick", kick);
    this.#fields.setText("magic", PAGE_MAGIC);
    this.#fields.announce();
  }

  set noticeSignal(signal: number) {
    this.#fields.set("noticeSignal", signal);
  }

  describe(document: PageDocument): void {
    writeDocument(this.#fields, document);
  }

  /** Shows a state, and the answer to the notice `id`. */
  publish(state: State, id: string, reply: Reply | undefined, outcome: Outcome | undefined, generation: number): void {
    const fields = this.#fields;
    fields.setText("activeId", id);
    if (reply?.reply === "refused") {
      fields.setText("refusal", reply.reasons.map((reason) => reason.replaceAll("\n", " ")).join("\n"));
    }
    if (reply || state === "preparing") fields.set("reply", replies.indexOf(reply?.reply ?? "none"));
    if (outcome) fields.set("outcome", outcomes.indexOf(outcome));
    fields.set("generation", generation);
    fields.set("state", states.indexOf(state));
    fields.announce();
  }

  /** The notice that a driver left, as it wrote it; "" for none. */
  noticeText(): string {
    return this.#fields.text("notice");
  }

  /** What the driver said of the notice `id`. */
  word(id: string): Word | undefined {
    const word = words[this.#fields.get("word")];
    return word === undefined || word === "none" || this.#fields.text("wordId") !== id ? undefined : word;
  }

  /** How often drivers have kicked: said something, and sent a signal that is no notice. */
  get kicks(): number {
    return this.#fields.get("kicks");
  }

  status(): { state: State; generation: number; outcome: Outcome | null } {
    const outcome = outcomes[this.#fields.get("outcome")];
    return {
      state: states[this.#fields.get("state")] as State,
      generation: this.#fields.get("generation"),
      outcome: outcome === undefined || outcome === "none" ? null : outcome,
    };
  }

  get renewals(): number {
    return this.#fields.get("renewals");
  }

  countStranger(): void {
    this.#fields.increment("strangers");
  }

  [Symbol.dispose](): void {
    this.#fields.set("state", states.indexOf("detached"));
    this.#fields.announce();
    // Whoever still holds this object (a round that is not over) must not touch unmapped memory.
    this.#fields = new Fields(this.#libc, { address: 0n, buffer: new ArrayBuffer(PAGE_BYTES) });
    this.#memory[Symbol.dispose]();
  }
}

import { listProc, readProcLink } from "#proc";
import type { RingMemory } from "../ffi/doorbell.ts";
import type { Libc } from "../ffi/libc.ts";
import { createMemfd, type SharedMemory } from "../ffi/shared_memory.ts";
import type { Launch, Notice, Outcome, Reply, State } from "../lifecycle/types.ts";
import { type PageDocument, writeDocument } from "./document.ts";
import { Fields } from "./fields.ts";
import { readLaunch } from "./launch.ts";
import {
  outcomes,
  PAGE_BYTES,
  PAGE_LINK,
  PAGE_MAGIC,
  PAGE_NAME,
  PAGE_VERSION,
  points,
  RING_AT,
  replies,
  states,
  type Word,
  words,
} from "./layout.ts";

/** Whether this process has a page already: that of another thread, or of another copy of this package. */
export function hasPage(): boolean {
  const descriptors = "/proc/self/fd";
  return listProc(descriptors).some((fd) => {
    try {
      return readProcLink(`${descriptors}/${fd}`) === PAGE_LINK;
    } catch {
      return false;
    }
  });
}

/** The app's half of the page. */
export class AppPage implements Disposable {
  readonly #libc: Libc;
  readonly #memory: SharedMemory;
  #isClosed = false;
  /** For those who read: everything that is written goes through the methods. */
  fields: Fields;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#memory = createMemfd(libc, PAGE_NAME, PAGE_BYTES, { sealed: true });
    this.fields = new Fields(libc, this.#memory);
    this.fields.set("version", PAGE_VERSION);
    this.fields.set("pid", libc.getpid());
  }

  /** Where the signal handler records its rings. */
  get ring(): RingMemory {
    const { buffer, address } = this.#memory;
    return { address: address + BigInt(RING_AT), view: new DataView(buffer, RING_AT) };
  }

  /** Makes the page one that drivers recognise: the last step of attaching. */
  open(wakeSignal: number): void {
    this.fields.set("wakeSignal", wakeSignal);
    this.fields.setText("magic", PAGE_MAGIC);
    this.fields.announce();
  }

  set noticeSignal(signal: number) {
    this.fields.set("noticeSignal", signal);
  }

  /** What the next hold is for. */
  set point(point: (typeof points)[number]) {
    this.fields.set("point", points.indexOf(point));
  }

  /** Whether this app is held at a point of its own, and nobody has taken it there yet. */
  get isWaiting(): boolean {
    return points[this.fields.get("point")] === "waiting";
  }

  /** Leaves a notice, and raises the signal for it, as a driver does. */
  notifySelf(notice: Notice): void {
    this.fields.setText("notice", JSON.stringify(notice));
    this.fields.increment("signalsSent");
    this.#libc.raise(this.fields.get("noticeSignal"));
  }

  /** Takes back what one checkpoint has left. */
  forget(): void {
    for (const name of ["notice", "activeId"] as const) this.fields.setText(name, "");
    for (const name of ["reply", "outcome"] as const) this.fields.set(name, 0);
  }

  describe(document: PageDocument): void {
    writeDocument(this.fields, document);
  }

  /** Shows a state, and the answer to the notice `id`. */
  publish(state: State, id: string, reply: Reply | undefined, outcome: Outcome | undefined, generation: number): void {
    const fields = this.fields;
    if (reply) {
      // The answer to the last notice must not look like one to this: it goes before the id changes.
      fields.set("reply", replies.indexOf("none"));
      fields.setText("activeId", id);
      if (reply.reply === "refused") {
        fields.setText("refusal", reply.reasons.map((reason) => reason.replaceAll("\n", " ")).join("\n"));
      }
    }
    if (outcome) fields.set("outcome", outcomes.indexOf(outcome));
    fields.set("generation", generation);
    if (state !== "held") this.point = "none";
    fields.set("state", states.indexOf(state));
    // At this word CRIU may freeze: what it finds must be held, and this thread can lose its CPU anywhere.
    if (reply) fields.set("reply", replies.indexOf(reply.reply));
    // Drivers wait for answers and for the end; to wake them for less would keep the first hook waiting.
    if (reply || state === "running") fields.announce();
  }

  /** What the driver said of the notice `id`. */
  word(id: string): Word | undefined {
    const signalsSent = this.fields.get("signalsSent");
    const word = words[this.fields.get("word")];
    if (word === undefined || word === "none" || !this.fields.is("wordId", id)) return undefined;
    // A driver takes the old word away before it names another notice, and signals at the end: nothing of that happened.
    const isWhole = words[this.fields.get("word")] === word && this.fields.get("signalsSent") === signalsSent;
    return isWhole ? word : undefined;
  }

  /** What the driver has left for this life: it is wiped out, so that the next image has nothing of it. Throws when it is damaged. */
  takeLaunch(): Launch {
    const text = this.fields.text("launch");
    this.fields.setText("launch", "");
    return readLaunch(text);
  }

  countRejected(): void {
    this.fields.increment("rejected");
  }

  countIgnored(signals: number): void {
    this.fields.increment("ignored", signals);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.fields.set("state", states.indexOf("detached"));
    this.fields.announce();
    // A round that is not over must not be seen any more.
    this.fields = new Fields(this.#libc, { address: 0n, buffer: new ArrayBuffer(PAGE_BYTES) });
    // The page stays mapped: a signal handler may still run on another thread.
    this.#libc.close(this.#memory.fd);
  }
}

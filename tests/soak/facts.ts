/** What the app says of one life: of its last checkpoint, and that all of it goes on. */
export interface Facts {
  readonly event: "life";
  /** The notice that the hooks were called for. */
  readonly noticeId: string;
  readonly outcome: string;
  readonly generation: number;
  /** How often each hook was called since the app was started. */
  readonly hooks: Readonly<Record<"beforeCheckpoint" | "beforeHold" | "afterRestore", number>>;
  /** How far the training was at the dump. */
  readonly step: number;
  /** Of the weights at the dump, and as they came back. */
  readonly digests: { readonly before: string; readonly after: string };
  /** What counts: when it was last looked at before the hold, right after it, and now. */
  readonly counters: Readonly<Record<string, Counter>>;
  /** Timers that were set before each dump, and are due after it. */
  readonly timers: { readonly set: number; readonly fired: number };
  /** What workers and clients have answered, by their names, and what is right. */
  readonly answers: Readonly<Record<string, { readonly is: string; readonly wanted: string }>>;
  /** Drawn in this life, by the main thread and a worker. */
  readonly ids: readonly string[];
}

/** Something that counts up all the time. */
export interface Counter {
  readonly atHold: number;
  readonly atRelease: number;
  readonly now: number;
  /** Whether it must stand still in the hold. */
  readonly isHeld: boolean;
}

/** What the soak has to know to judge the facts of a life. */
export interface Expected {
  /** The number of the round, from 1. */
  readonly round: number;
  readonly noticeId: string;
  /** The life before; undefined in the first. */
  readonly before: Facts | undefined;
  /** All ids of the lives before. */
  readonly ids: ReadonlySet<string>;
}

/**
 * The agent page: one sealed memfd named `criu-aware` for each attached process, mapped by it and by whoever drives CRIU.
 * This table is the only place that knows where things are. Numbers are u32, little-endian; texts are UTF-8, padded with NUL.
 * `hook.sh` reads the same offsets; a test compares them.
 */
export const PAGE_NAME = "criu-aware";
/** What /proc/pid/fd links to. */
export const PAGE_LINK: string = `/memfd:${PAGE_NAME} (deleted)`;
export const PAGE_MAGIC = "criuawar";
export const PAGE_VERSION = 1;
/** As long as there is no launch, the kernel keeps no memory for its place. */
export const PAGE_BYTES = 327_680;

/** Who writes what: `app` unless said otherwise. */
export const numbers = {
  version: 8,
  /** The pid as the app sees itself. */
  pid: 16,
  /** Index into `states`. */
  state: 20,
  /** Index into `replies`: the answer to the notice `activeId`. */
  reply: 24,
  /** Index into `outcomes`: of the last checkpoint. */
  outcome: 28,
  generation: 32,
  /** A futex: grows with each answer, and when the app runs again. */
  changes: 36,
  /** The signal that makes the app look at this page. */
  wakeSignal: 40,
  /** The signal that is a notice; 0 when the app takes no notice by signal. */
  noticeSignal: 44,
  /** Odd while the document is being written. */
  documentSequence: 48,
  /** Notices from senders without the right to. */
  rejected: 56,
  /** Signals that brought no notice, and were ignored. */
  ignored: 60,
  /** Driver: grows with each renewal of the lease. */
  renewals: 64,
  /** Driver: index into `words`: what became of `wordId`. */
  word: 68,
  /** Driver: grows before each signal that it sends. */
  signalsSent: 152,
  /** Index into `points`: whether the app is held at a point of its own. */
  point: 156,
} as const;

export const texts = {
  magic: { at: 0, bytes: 8 },
  /** The notice that `reply` answers. */
  activeId: { at: 72, bytes: 40 },
  /** Driver: the notice that `word` is about. */
  wordId: { at: 112, bytes: 40 },
  /** Driver: the next notice, JSON. */
  notice: { at: 2560, bytes: 1024 },
  /** Why `activeId` was refused: a reason on each line. */
  refusal: { at: 4096, bytes: 8192 },
  /** What the agent is and does, JSON: see document.ts. */
  document: { at: 12_288, bytes: 53_248 },
  /** Driver: the launch of a restored process, JSON: see launch.ts. The app reads it once, and wipes it out. */
  launch: { at: 65_536, bytes: 262_144 },
} as const;

/** The ring of signals that rang: see ffi/handler_code.ts. It has room for RINGS of ffi/doorbell.ts. */
export const RING_AT = 1024;

export const states = ["running", "preparing", "held", "recovering", "detached"] as const;
export const replies = ["none", "ready", "refused"] as const;
/** `waiting`: held by its own `agent.point()`, until somebody comes. `taken`: somebody has, and the notice `activeId` holds it. */
export const points = ["none", "waiting", "taken"] as const;
export const outcomes = ["none", "restored", "continued", "aborted"] as const;
/** `simulated` stands for a restore that the simulate engine plays. */
export const words = ["none", "continued", "aborted", "simulated"] as const;

/** What a driver says of a checkpoint that it asked for. */
export type Word = "continued" | "aborted" | "simulated";

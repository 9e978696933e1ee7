import type { Doorbell } from "../ffi/doorbell.ts";
import type { Libc } from "../ffi/libc.ts";
import type { Caller } from "../lifecycle/ports.ts";
import type { Notice } from "../lifecycle/types.ts";
import type { AppPage } from "../page/app_page.ts";
import type { Endpoint } from "../page/document.ts";
import type { WordSource } from "../page/hold.ts";

/** A way by which notices reach the app: made by `signal()`, `file()`, `socket()`, `passive()`, started by `attach()`. */
export interface Strategy {
  /** Names it in `status`: `signal`, `file`, `socket`, `passive`. */
  readonly kind: string;
  /** Begins to listen. Throws when it cannot; the app is then not attached. */
  start(agent: AgentContext): Listener;
}

/**
 * What a strategy gets from the agent.
 * @internal
 */
export interface AgentContext {
  readonly libc: Libc;
  readonly page: AppPage;
  readonly doorbell: Doorbell;
  /** Hands a notice over to the lifecycle. */
  deliver(notice: Notice, caller: Caller): void;
  /** Asks every `findRestore`, unless a checkpoint is under way, and has everything rebuilt when there was one. */
  lookForRestore(): void;
}

/**
 * A strategy that listens.
 * @internal
 */
export interface Listener extends Disposable {
  /** How drivers reach it: goes on the page. */
  readonly endpoint: Endpoint;
  /** Something rang: looks whether it was for this strategy. */
  look(): void;
  /** Brings a notice as a driver would; missing where it would hide others that come at the same time. */
  rehearse?: ((notice: Notice) => void) | undefined;
  /** Lets go of what CRIU could not dump. Called right before the app says ready to the notice `noticeId`. */
  release?(noticeId: string): void;
  /** Who listens this way is told, too, that the app has come to a point of its own, and what became of it: see `Agent.point`. */
  point?(noticeId: string): Caller;
  /** When this process was restored, if it was since this was asked last: see `Ports`. Asked before and after each hold as well. */
  findRestore?(): number | undefined;
  /** How the driver's word can reach a held app, beside the page. */
  readonly whileHeld?: WordSource;
}

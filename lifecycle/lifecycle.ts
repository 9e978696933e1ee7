import { CheckpointRefusedError, messages, RecoveryError, type ResourceError } from "./errors.ts";
import { callHook, callLastHook } from "./hook.ts";
import { Register } from "./register.ts";
import { checkTime } from "./time.ts";
import type { Launch, Notice, Outcome, Reply, Resource, Round, State, Writable } from "./types.ts";

/** What ended a hold. */
export interface Release {
  /** What became of the checkpoint. */
  readonly outcome: Outcome;
  /** Whether no CRIU was at work. */
  readonly simulated: boolean;
}

/** Whoever brought a notice. */
export interface Caller {
  /**
   * Answers, synchronously: nothing may run between the answer `ready` and the hold. Throws when the answer cannot be delivered;
   * when that is so for every caller, the checkpoint is refused instead.
   */
  reply(reply: Reply): void;
  /** True once nobody waits for the answer any more: a notice that has not begun is then void. */
  isGone?(): boolean;
  /** Tells how it ended, once every resource had its turn, and what could not be rebuilt. */
  outcome?(outcome: Outcome, errors: readonly ResourceError[]): void;
  /** A hold of its own, in the place of the one that waits for a driver's word. */
  hold?(): Release;
}

/** What the lifecycle needs from outside. */
export interface Ports {
  /**
   * Gets everything ready for a hold, and returns the hold itself: it blocks the thread until the outcome is known, and
   * never throws. To throw while arming refuses the checkpoint.
   */
  arm(notice: Notice): () => Release;
  /** True once the driver no longer wants this checkpoint. */
  isWithdrawn(notice: Notice): boolean;
  /** Called, synchronously, after each change of state and reply. */
  publish(state: State, round: Round, reply: Reply | undefined): void;
  /** What the driver hands over to a restored process, once. Throws when it is damaged. */
  takeLaunch(): Launch;
  /** Milliseconds since 1970. */
  now(): number;
  /** Gets what refused a checkpoint, and what could not be rebuilt. */
  report(error: CheckpointRefusedError | RecoveryError): void;
  /** The time of a hook whose resource names none, in milliseconds. */
  readonly hookTimeoutMs: number;
}

interface Visit {
  readonly notice: Notice;
  readonly callers: Caller[];
  reply?: Reply;
}

/**
 * The state machine `running → preparing → held → recovering → running`. One notice is worked on at a time: a second one
 * waits until its deadline; the same one again, by whatever way, gets the same answer and runs nothing.
 */
export class Lifecycle {
  readonly resources: Register = new Register();
  readonly #ports: Ports;
  readonly #queue: Visit[] = [];
  #current: Visit | undefined;
  #last: Visit | undefined;
  state: State = "running";
  /** How many times this process was restored. */
  generation = 0;
  /** When it was restored last, in milliseconds since 1970. */
  restoredAt: number | undefined;
  lastOutcome: Outcome | undefined;
  /** What the driver handed over at the last restore. */
  launch: Launch | undefined;
  /** What could not be rebuilt in the last round. */
  lastErrors: readonly ResourceError[] = [];

  /** @throws {RangeError} for a time of the hooks that is none. */
  constructor(ports: Ports) {
    checkTime("hookTimeoutMs", ports.hookTimeoutMs);
    this.#ports = ports;
  }

  /** Takes a notice. A void one (withdrawn, or after its deadline) runs nothing and gets no answer. */
  deliver(notice: Notice, caller: Caller): void {
    const isSame = (visit?: Visit): boolean => visit?.notice.id === notice.id;
    const known = isSame(this.#current) ? this.#current : isSame(this.#last) ? this.#last : this.#queue.find(isSame);
    if (known) {
      const { reply } = known;
      if (reply) tell([caller], () => caller.reply(reply));
      else known.callers.push(caller);
      return;
    }
    this.#queue.push({ notice, callers: [caller] });
    if (!this.#current) void this.#work();
  }

  async #work(): Promise<void> {
    for (let visit = this.#queue.shift(); visit; visit = this.#queue.shift()) {
      if (this.#isVoid(visit.notice) || visit.callers.every((caller) => caller.isGone?.())) continue;
      this.#current = visit;
      await this.#run(visit);
      this.#last = visit;
      this.#current = undefined;
    }
  }

  async #run(visit: Visit): Promise<void> {
    const { notice } = visit;
    const { now } = this.#ports;
    const round: Writable<Round> = { id: notice.id, sentAt: notice.sentAt, noticedAt: now() };
    this.#enter("preparing", round);

    const entered: Resource[] = [];
    const errors: Error[] = [];
    const context = { noticeId: notice.id, criuOptions: notice.criuOptions ?? [] };
    const resources = this.resources.inOrder.toReversed();
    for (const resource of resources) {
      entered.unshift(resource);
      const left = notice.deadline === undefined ? Number.MAX_VALUE : notice.deadline - now();
      const timeoutMs = Math.min(resource.timeoutMs ?? this.#ports.hookTimeoutMs, left);
      let failure = callHook(resource, "beforeCheckpoint", context, timeoutMs);
      if (failure instanceof Promise) failure = await failure;
      if (failure) errors.push(failure);
    }
    if (this.#isVoid(notice)) errors.push(new Error("the driver no longer waits"));

    const hold = this.#arm(notice, errors);
    if (hold) {
      errors.push(...resources.flatMap((resource) => callLastHook(resource, context) ?? []));
      // They may have blocked for long.
      if (this.#isVoid(notice)) errors.push(new Error("the driver no longer waits"));
    }
    let release: Release = { outcome: "aborted", simulated: false };
    if (hold && errors.length === 0) {
      round.readyAt = now();
      // From here to the outcome nothing is awaited. An answer that reaches nobody would hold the app for nothing.
      const failures = this.#answer(visit, "held", round, { reply: "ready" });
      if (failures.length === visit.callers.length) {
        errors.push(...failures);
        round.readyAt = undefined;
      }
    }
    if (hold && errors.length === 0) {
      release = (visit.callers.find((caller) => caller.hold)?.hold ?? hold)();
      round.releasedAt = now();
      if (release.outcome === "restored" && !release.simulated) {
        this.generation++;
        this.restoredAt = round.releasedAt;
      }
      // What was left for a life that did not come is taken, too: it must not get into the next image.
      const launch = this.#takeLaunch(entered);
      if (release.outcome === "restored") this.launch = launch;
      Object.assign(round, release);
      this.#enter("recovering", round);
    } else {
      Object.assign(round, release);
      this.#answer(visit, "recovering", round, { reply: "refused", reasons: messages(errors) });
      this.#report(new CheckpointRefusedError(notice.id, errors));
    }
    this.lastErrors = await this.#recover(entered, round);
    round.recoveredAt = now();
    this.lastOutcome = release.outcome;
    this.#enter("running", round);
    tell(visit.callers, (caller) => caller.outcome?.(release.outcome, this.lastErrors));
  }

  #arm(notice: Notice, errors: Error[]): (() => Release) | undefined {
    try {
      return errors.length > 0 ? undefined : this.#ports.arm(notice);
    } catch (error) {
      errors.push(error as Error);
      return undefined;
    }
  }

  async #recover(entered: readonly Resource[], round: Writable<Round>): Promise<ResourceError[]> {
    const { id: noticeId, outcome = "aborted", simulated = false, readyAt = 0, releasedAt = readyAt } = round;
    const frozenMs = Math.max(0, releasedAt - readyAt);
    const errors: ResourceError[] = [];
    const launch = outcome === "restored" ? this.launch : undefined;
    for (const resource of entered) {
      const context = { noticeId, outcome, simulated, frozenMs, generation: this.generation, launch };
      // Synchronous hooks follow each other without a turn of the event loop: the runtime tier runs before any other code.
      let failure = callHook(resource, "afterRestore", context, resource.timeoutMs ?? this.#ports.hookTimeoutMs);
      if (failure instanceof Promise) failure = await failure;
      if (failure) errors.push(failure);
    }
    if (errors.length > 0) {
      // It has to fit on the page.
      round.errors = errors.slice(0, 8).map(({ resource, message }) => ({
        resource: resource.slice(0, 64),
        message: message.slice(resource.length + 2, resource.length + 202),
      }));
      this.#report(new RecoveryError(outcome, errors));
    }
    return errors;
  }

  /** A damaged one shows as a resource that could not be rebuilt. */
  #takeLaunch(entered: Resource[]): Launch {
    try {
      return this.#ports.takeLaunch();
    } catch (cause) {
      entered.unshift({
        name: "launch",
        afterRestore() {
          throw cause;
        },
      });
      return {};
    }
  }

  /** Returns why it did not reach some of the callers. */
  #answer(visit: Visit, state: State, round: Round, reply: Reply): Error[] {
    visit.reply = reply;
    this.#enter(state, round, reply);
    return tell(visit.callers, (caller) => caller.reply(reply));
  }

  #report(error: CheckpointRefusedError | RecoveryError): void {
    try {
      this.#ports.report(error);
    } catch {}
  }

  #enter(state: State, round: Round, reply?: Reply): void {
    this.state = state;
    this.#ports.publish(state, round, reply);
  }

  #isVoid(notice: Notice): boolean {
    return (notice.deadline !== undefined && this.#ports.now() > notice.deadline) || this.#ports.isWithdrawn(notice);
  }
}

/** Tells every caller, and returns the errors of those that could not be told: their driver gives up at its deadline. */
function tell(callers: readonly Caller[], message: (caller: Caller) => void): Error[] {
  const failures: Error[] = [];
  for (const caller of callers) {
    try {
      message(caller);
    } catch (error) {
      failures.push(error as Error);
    }
  }
  return failures;
}

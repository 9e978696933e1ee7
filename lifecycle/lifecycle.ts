import { CheckpointRefusedError, messages, RecoveryError, type ResourceError } from "./errors.ts";
import { callHook, callLastHook } from "./hook.ts";
import type { AskOptions, Caller, Ports, Release } from "./ports.ts";
import { Register } from "./register.ts";
import { checkTime } from "./time.ts";
import type { Launch, Notice, Outcome, Reply, Resource, Round, State, Writable } from "./types.ts";

interface Visit {
  notice: Notice;
  readonly callers: Caller[];
  /** The app waits at a point of its own, or prepares to: the next notice takes it there. */
  isPoint?: boolean | undefined;
  signal?: AbortSignal | undefined;
  last?: Resource | undefined;
  reply?: Reply;
  round?: Writable<Round>;
  /** Set while the app is held. */
  hold?: () => Release;
  /** Set when all is over: tells a caller how it ended. */
  end?: (caller: Caller) => void;
}

/** So many that are over are known again: one may still come by another way when others have come in between. */
const REMEMBERED = 64;

/**
 * The state machine `running → preparing → held → recovering → running`. One notice is worked on at a time: a second one
 * waits until its deadline; the same one again, by whatever way and however late, runs nothing.
 */
export class Lifecycle {
  readonly resources: Register = new Register();
  readonly #ports: Ports;
  readonly #queue: Visit[] = [];
  #current: Visit | undefined;
  /** The last ones that are over, the newest first. */
  #over: readonly Visit[] = [];
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
    const current = this.#current;
    const known = [current, ...this.#queue, ...this.#over].find((visit) => visit?.notice.id === notice.id);
    if (known) join(known, caller);
    else if (current?.isPoint && current.hold) this.#take(current, notice, caller);
    else this.#begin({ notice, callers: [caller] });
  }

  /**
   * Goes through a checkpoint that the app itself asks for, and resolves with its outcome.
   * @throws {CheckpointRefusedError} when it was refused, or what `signal` was aborted with.
   * @throws {Error} when another one is under way.
   */
  ask(notice: Notice, { callers = [], isPoint, signal, last }: AskOptions): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      // A hook that waited for the next checkpoint would wait for itself.
      if (this.state !== "running")
        throw new Error("Cannot checkpoint: another checkpoint is under way. Wait until the agent's state is running.");
      const own: Caller = {
        reply() {},
        outcome: (outcome, _, refusal) =>
          refusal ? reject(signal?.aborted ? signal.reason : refusal) : resolve(outcome),
      };
      this.#begin({ notice, callers: [own, ...callers], isPoint, signal, last });
    });
  }

  #begin(visit: Visit): void {
    this.#queue.push(visit);
    if (!this.#current) void this.#work();
  }

  /** The app is ready, and held at its point: from here on it is held by a notice. */
  #take(visit: Visit, notice: Notice, caller: Caller): void {
    if (this.#isVoid({ notice }) || caller.isGone?.()) return;
    // Where that fails there is no answer, and the app stays where it is.
    const hold = this.#arm([], notice);
    if (!hold) return;
    const { reply, round, callers } = visit as Required<Visit>;
    callers.push(caller);
    const at = this.#ports.now();
    Object.assign(visit, { notice, hold: caller.hold ?? hold, isPoint: false });
    Object.assign(round, { id: notice.id, sentAt: notice.sentAt, noticedAt: at, readyAt: at });
    this.#enter("held", round, reply);
    tell([caller], () => caller.reply(reply));
  }

  async #work(): Promise<void> {
    for (let visit = this.#queue.shift(); visit; visit = this.#queue.shift()) {
      // Whoever asks for a point is told in any case.
      const isVoid = !visit.isPoint && this.#isVoid(visit);
      if (isVoid || visit.callers.every((caller) => caller.isGone?.())) continue;
      this.#current = visit;
      await this.#run(visit);
      this.#over = [visit, ...this.#over.slice(0, REMEMBERED - 1)];
      this.#current = undefined;
    }
  }

  async #run(visit: Visit): Promise<void> {
    const { notice } = visit;
    const { now } = this.#ports;
    const round: Writable<Round> = { id: notice.id, sentAt: notice.sentAt, noticedAt: now() };
    visit.round = round;
    this.#enter("preparing", round);

    const entered: Resource[] = [];
    const errors: Error[] = [];
    const context = { noticeId: notice.id, criuOptions: notice.criuOptions ?? [] };
    const resources = [...this.resources.inOrder.toReversed(), ...(visit.last ? [visit.last] : [])];
    for (const resource of resources) {
      entered.unshift(resource);
      const left = notice.deadline === undefined ? Number.MAX_VALUE : notice.deadline - now();
      const timeoutMs = Math.min(resource.timeoutMs ?? this.#ports.hookTimeoutMs, left);
      let failure = callHook(resource, "beforeCheckpoint", context, timeoutMs);
      if (failure instanceof Promise) failure = await failure;
      if (failure) errors.push(failure);
    }
    if (this.#isVoid(visit)) errors.push(new Error("nobody waits for it any more"));

    const hold = this.#arm(errors, notice, visit.isPoint ? () => !visit.isPoint : undefined);
    if (hold) {
      errors.push(...resources.flatMap((resource) => callLastHook(resource, context) ?? []));
      // They may have blocked for long.
      if (this.#isVoid(visit)) errors.push(new Error("nobody waits for it any more"));
    }
    let release: Release = { outcome: "aborted", simulated: false };
    let refusal: CheckpointRefusedError | undefined;
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
      release = this.#hold(visit, hold);
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
      refusal = new CheckpointRefusedError(notice.id, errors);
      this.#report(refusal);
    }
    const failures = await this.#recover(entered, round, notice.id);
    const hasFailed = release.outcome === "restored" && failures.length > 0;
    const giveUp = hasFailed ? await this.#ports.giveUp?.() : undefined;
    this.lastErrors = failures;
    round.recoveredAt = now();
    this.lastOutcome = release.outcome;
    this.#enter("running", round);
    visit.end = (caller) => caller.outcome?.(release.outcome, failures, refusal);
    tell(visit.callers.splice(0), visit.end);
    giveUp?.();
  }

  #hold(visit: Visit, armed: () => Release): Release {
    visit.hold = visit.callers.find((caller) => caller.hold)?.hold ?? armed;
    if (visit.isPoint) {
      // What came while the app prepared finds it at its point.
      for (const { notice, callers } of this.#queue.splice(0))
        for (const caller of callers) this.deliver(notice, caller);
    }
    for (;;) {
      const hold: () => Release = visit.hold;
      const release = hold();
      if (visit.hold !== hold) continue;
      visit.isPoint = false;
      return release;
    }
  }

  #arm(errors: Error[], ...wanted: Parameters<Ports["arm"]>): (() => Release) | undefined {
    try {
      return errors.length > 0 ? undefined : this.#ports.arm(...wanted);
    } catch (error) {
      errors.push(error as Error);
      return undefined;
    }
  }

  async #recover(entered: readonly Resource[], round: Writable<Round>, noticeId: string): Promise<ResourceError[]> {
    const { outcome = "aborted", simulated = false, readyAt = 0, releasedAt = readyAt } = round;
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

  #isVoid({ notice, signal }: Pick<Visit, "notice" | "signal">): boolean {
    const isLate = notice.deadline !== undefined && this.#ports.now() > notice.deadline;
    return isLate || signal?.aborted === true || this.#ports.isWithdrawn(notice);
  }
}

/** Somebody brings a notice that is known. When its hold has ended he must not believe that the app is held. */
function join(visit: Visit, caller: Caller): void {
  const { notice, round, reply, callers, end } = visit;
  const isReleased = reply?.reply === "ready" && round?.outcome !== undefined;
  const answer: Reply | undefined = isReleased
    ? { reply: "refused", reasons: [`the checkpoint ${notice.id} is over`] }
    : reply;
  if (answer) tell([caller], () => caller.reply(answer));
  if (end) tell([caller], end);
  else callers.push(caller);
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

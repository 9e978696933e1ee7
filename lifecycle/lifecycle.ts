import { CheckpointRefusedError, messages, RecoveryError, type ResourceError } from "./errors.ts";
import { callHook, callLastHook } from "./hook.ts";
import type { AskOptions, Caller, Ports, Release } from "./ports.ts";
import { Register } from "./register.ts";
import { checkTime } from "./time.ts";
import type { Launch, Notice, Outcome, Reply, Resource, Round, State, Writable } from "./types.ts";
import { answerOf, tell, unannounced, type Visit } from "./visit.ts";

/** A notice that comes again, by another way, is known as long as there were no more since. */
const REMEMBERED = 64;

/**
 * The state machine `running → preparing → held → recovering → running`. One notice is worked on at a time: a second one
 * waits until its deadline; the same one again, by whatever way, gets the same answer and runs nothing.
 */
export class Lifecycle {
  readonly resources: Register = new Register();
  readonly #ports: Ports;
  readonly #queue: Visit[] = [];
  #current: Visit | undefined;
  readonly #past: Visit[] = [];
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
    const known = [this.#current, ...this.#past, ...this.#queue].find((visit) => visit?.notice.id === notice.id);
    if (known) {
      const answer = answerOf(known);
      if (answer) tell([caller], () => caller.reply(answer));
      const { end } = known;
      if (end) tell([caller], end);
      else known.callers.push(caller);
      return;
    }
    const current = this.#current;
    if (current?.isPoint && current.hold) this.#take(current, notice, caller);
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
      this.#begin({ notice, callers: [own, ...callers], isOwn: true, isPoint, signal, last });
    });
  }

  /** Works on what waits, unless it does so already: first on a restore that nobody has announced. */
  work(): void {
    if (!this.#current) void this.#work();
  }

  #begin(visit: Visit): void {
    this.#queue.push(visit);
    this.work();
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
    for (let visit = this.#next(); visit; visit = this.#next()) {
      // The app itself is told in any case.
      const isVoid = !visit.isOwn && this.#isVoid(visit);
      const isUnasked = isVoid || visit.callers.every((caller) => caller.isGone?.());
      if (isUnasked && visit.restoredAt === undefined) continue;
      this.#current = visit;
      await this.#run(visit);
      this.#past.unshift(visit);
      this.#past.length = Math.min(this.#past.length, REMEMBERED);
      this.#current = undefined;
    }
  }

  /** Before anything is prepared for the next image, what this one has missed is rebuilt. */
  #next(): Visit | undefined {
    const restoredAt = this.#ports.findRestore?.();
    return restoredAt === undefined ? this.#queue.shift() : unannounced(restoredAt, this.generation + 1);
  }

  async #run(visit: Visit): Promise<void> {
    const { notice } = visit;
    const { now } = this.#ports;
    const round: Writable<Round> = { id: notice.id, sentAt: notice.sentAt, noticedAt: now() };
    visit.round = round;
    let { restoredAt } = visit;
    const isNotice = restoredAt === undefined;
    if (isNotice) this.#enter("preparing", round);

    const entered: Resource[] = [];
    const errors: Error[] = [];
    const context = { noticeId: notice.id, criuOptions: notice.criuOptions ?? [] };
    const resources = isNotice ? [...this.resources.inOrder.toReversed(), ...(visit.last ? [visit.last] : [])] : [];
    for (const resource of resources) {
      entered.unshift(resource);
      const left = notice.deadline === undefined ? Number.MAX_VALUE : notice.deadline - now();
      const timeoutMs = Math.min(resource.timeoutMs ?? this.#ports.hookTimeoutMs, left);
      let failure = callHook(resource, "beforeCheckpoint", context, timeoutMs);
      if (failure instanceof Promise) failure = await failure;
      if (failure) errors.push(failure);
    }
    if (this.#isVoid(visit)) errors.push(new Error("nobody waits for it any more"));

    // Somebody else may have dumped it in the middle of its hooks: whoever waits for the answer waits in another life.
    restoredAt ??= this.#ports.findRestore?.();
    const isCopy = restoredAt !== undefined;
    const hold = isCopy ? undefined : this.#arm(errors, notice, visit.isPoint ? () => !visit.isPoint : undefined);
    if (hold) {
      errors.push(...resources.flatMap((resource) => callLastHook(resource, context) ?? []));
      // They may have blocked for long.
      if (this.#isVoid(visit)) errors.push(new Error("nobody waits for it any more"));
    }
    let release: Release = { outcome: isCopy ? "restored" : "aborted", simulated: false };
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
        restoredAt = round.releasedAt;
        // It is found, and not to be found again.
        this.#ports.findRestore?.();
      }
    } else if (!isCopy) {
      Object.assign(round, release);
      this.#answer(visit, "recovering", round, { reply: "refused", reasons: messages(errors) });
      refusal = new CheckpointRefusedError(notice.id, errors);
      this.#report(refusal);
    }
    if (restoredAt !== undefined) {
      this.generation++;
      this.restoredAt = restoredAt;
    }
    const unprepared = isCopy ? this.resources.inOrder.filter((resource) => !entered.includes(resource)) : [];
    if (!refusal) {
      // What was left for a life that did not come is taken, too: it must not get into the next image.
      const launch = this.#takeLaunch(entered);
      if (release.outcome === "restored") this.launch = launch;
      Object.assign(round, release);
      this.#enter("recovering", round);
    }
    const lastErrors = await this.#recover(entered, round, notice.id, unprepared);
    const hasFailed = release.outcome === "restored" && lastErrors.length > 0;
    const giveUp = hasFailed ? await this.#ports.giveUp?.() : undefined;
    this.lastErrors = lastErrors;
    round.recoveredAt = now();
    this.lastOutcome = release.outcome;
    this.#enter("running", round);
    visit.end = (caller) => caller.outcome?.(release.outcome, lastErrors, refusal);
    tell(visit.callers.splice(0), visit.end);
    giveUp?.();
  }

  #hold(visit: Visit, armed: () => Release): Release {
    visit.hold = visit.callers.find((caller) => caller.hold)?.hold ?? armed;
    if (visit.isPoint) {
      // What came while the app prepared finds it at its point; what the app asks for itself has to wait.
      for (const other of this.#queue.splice(0))
        if (other.isOwn) this.#queue.push(other);
        else for (const caller of other.callers) this.deliver(other.notice, caller);
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

  async #recover(
    entered: readonly Resource[],
    round: Writable<Round>,
    noticeId: string,
    unprepared: readonly Resource[],
  ): Promise<ResourceError[]> {
    const { outcome = "aborted", simulated = false, readyAt = 0, releasedAt = readyAt } = round;
    const frozenMs = Math.max(0, releasedAt - readyAt);
    const errors: ResourceError[] = [];
    const launch = outcome === "restored" ? this.launch : undefined;
    const more = { noticeId, outcome, simulated, frozenMs, generation: this.generation, launch };
    for (const resource of [...entered, ...unprepared]) {
      const context = { ...more, unprepared: unprepared.includes(resource) };
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

/** A lifecycle whose surroundings are played, and which is watched: what must never happen (design) is written down when it does. */
import type { Scheduler } from "fast-check";
import { CheckpointRefusedError } from "../../lifecycle/errors.ts";
import { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { Caller, Release } from "../../lifecycle/ports.ts";
import type { Notice, Outcome, Resource, RestoreContext, Round, State, Tier } from "../../lifecycle/types.ts";

/** What a hook does. `odd` returns what looks like a promise and is none. */
export type HookKind = "nothing" | "waits" | "throws" | "rejects" | "hangs" | "odd";
/** What a caller does once it knows the outcome. */
export type Next = "nothing" | "notify" | "ask" | "point";

export interface ResourcePlan {
  readonly tier: Tier;
  readonly before: HookKind;
  readonly last: HookKind;
  readonly after: HookKind;
}

export interface CallerPlan {
  readonly cannotReply: boolean;
  readonly isGone: boolean;
  readonly next: Next;
}

/** A notice as it comes: a new one, or one of the last. */
export interface Told {
  readonly again: number | undefined;
  /** From now on, in milliseconds. */
  readonly deadline: number | undefined;
  readonly caller: CallerPlan;
}

/** What the outside does, in turn. */
export interface Plan {
  readonly releases: readonly Release[];
  /** What comes while the app is at a point of its own; nothing any more after the last. */
  readonly atPoint: readonly (readonly Told[])[];
  readonly armFails: readonly boolean[];
  readonly launchFails: readonly boolean[];
}

interface KnownCaller {
  readonly id: string;
  readonly plan: CallerPlan;
  readonly replies: string[];
  readonly outcomes: Outcome[];
}

interface Played {
  readonly round: Round;
  readonly order: readonly Resource[];
  readonly before: Resource[];
  readonly last: Resource[];
  readonly after: Resource[];
  hasFailed: boolean;
  noticeId?: string;
  outcome?: Outcome;
}

const cycled = <T>(list: readonly T[], n: number): T => list[n % list.length] as T;

export class World {
  readonly lifecycle: Lifecycle;
  readonly broken: string[] = [];
  readonly callers: KnownCaller[] = [];
  /** How the promises of what the app asked for ended. */
  readonly asked: Map<string, string | undefined> = new Map();
  readonly #scheduler: Scheduler;
  readonly #plan: Plan;
  readonly #ids: string[] = [];
  readonly #points = new Set<string>();
  readonly #withdrawn = new Set<string>();
  /** Which rounds, and holds of a point, were of which notice. */
  readonly #begun = new Map<string, number>();
  readonly #unarmed = new Set<string>();
  readonly #deadlines = new Set<string>();
  readonly #registrations: Disposable[] = [];
  readonly #aborts: AbortController[] = [];
  #played: Played | undefined;
  #isFrozen = false;
  #restores = 0;
  #turn = 0;
  #now = 1000;

  constructor(scheduler: Scheduler, plan: Plan) {
    this.#scheduler = scheduler;
    this.#plan = plan;
    this.lifecycle = new Lifecycle({
      hookTimeoutMs: 5000,
      now: () => this.#now,
      report() {},
      isWithdrawn: ({ id }) => this.#withdrawn.has(id),
      takeLaunch: () => {
        if (cycled(plan.launchFails, this.#turn)) throw new Error("damaged");
        return {};
      },
      publish: (state, round, reply) => this.#see(state, round, reply !== undefined),
      arm: (notice, isTaken) => this.#arm(notice, isTaken),
    });
  }

  register({ tier, before, last, after }: ResourcePlan): void {
    const name = `r${this.#registrations.length}`;
    const resource: Resource = {
      name,
      tier,
      beforeCheckpoint: (context) => {
        this.#prepare(resource, context.noticeId);
        return this.#play(before, name);
      },
      beforeHold: () => {
        this.#last(resource);
        return this.#play(last, name) as undefined;
      },
      afterRestore: (context) => {
        this.#rebuild(resource, context);
        return this.#play(after, name);
      },
    };
    this.#registrations.push(this.lifecycle.resources.add(resource));
  }

  takeOut(which: number): void {
    const { length } = this.#registrations;
    if (length > 0) this.#registrations[which % length]?.[Symbol.dispose]();
  }

  notify({ again, deadline, caller: plan }: Told): void {
    const id =
      again === undefined || this.#ids.length === 0
        ? this.#newId()
        : (this.#ids.at(-1 - (again % this.#ids.length)) as string);
    if (deadline !== undefined) this.#deadlines.add(id);
    this.lifecycle.deliver(
      { id, ...(deadline === undefined ? {} : { deadline: this.#now + deadline }) },
      this.#caller(id, plan),
    );
  }

  ask(isPoint: boolean): void {
    const id = `own${this.asked.size}`;
    const abort = new AbortController();
    this.#aborts.push(abort);
    if (isPoint) this.#points.add(id);
    this.asked.set(id, undefined);
    const settle = (how: string) => () => {
      if (this.asked.get(id) !== undefined) this.broken.push(`${id} ended twice`);
      this.asked.set(id, how);
    };
    this.lifecycle.ask({ id }, { isPoint, signal: abort.signal }).then(settle("an outcome"), (error: Error) => {
      const isKnown = error instanceof CheckpointRefusedError || error.name === "AbortError";
      if (!isKnown && !/another checkpoint is under way/.test(error.message)) this.broken.push(String(error));
      settle(error.message)();
    });
  }

  abort(which: number): void {
    const { length } = this.#aborts;
    if (length > 0) this.#aborts[which % length]?.abort();
  }

  withdraw(which: number): void {
    const { length } = this.#ids;
    if (length > 0) this.#withdrawn.add(this.#ids[which % length] as string);
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  /** What must be so once nothing is under way any more. */
  check(): void {
    const { lifecycle, broken } = this;
    if (lifecycle.state !== "running") broken.push(`it is ${lifecycle.state} for good`);
    if (lifecycle.generation !== this.#restores)
      broken.push(`generation ${lifecycle.generation} after ${this.#restores} restores`);
    for (const [id, count] of this.#begun) if (count > 1) broken.push(`${id} was begun ${count} times`);
    for (const [id, how] of this.asked)
      if (how === undefined) broken.push(`${id}, which the app asked for, has no end`);
    for (const caller of this.callers) this.#checkCaller(caller);
  }

  #checkCaller({ id, plan, replies, outcomes }: KnownCaller): void {
    const told = `${id} got ${replies.length} replies and ${outcomes.length} outcomes`;
    if (replies.length > 1 || outcomes.length > 1) this.broken.push(told);
    const hasEnd = outcomes.length === 1 && (replies.length === 1 || plan.cannotReply);
    const isUntold = replies.length === 0 && outcomes.length === 0;
    const mayBeVoid =
      this.#withdrawn.has(id) ||
      this.#deadlines.has(id) ||
      this.#unarmed.has(id) ||
      this.callers.some((other) => other.id === id && other.plan.isGone);
    if (!hasEnd && !(isUntold && mayBeVoid)) this.broken.push(told);
  }

  #newId(): string {
    const id = `n${this.#ids.length}`;
    this.#ids.push(id);
    return id;
  }

  #caller(id: string, plan: CallerPlan): Caller {
    const known: KnownCaller = { id, plan, replies: [], outcomes: [] };
    this.callers.push(known);
    return {
      reply: ({ reply }) => {
        if (known.outcomes.length > 0) this.broken.push(`${id} got its outcome before its reply`);
        if (plan.cannotReply) throw new Error("EPIPE");
        known.replies.push(reply);
      },
      isGone: () => plan.isGone,
      outcome: (outcome) => {
        known.outcomes.push(outcome);
        if (plan.next === "notify")
          this.notify({ again: undefined, deadline: undefined, caller: { ...plan, next: "nothing" } });
        else if (plan.next !== "nothing") this.ask(plan.next === "point");
      },
    };
  }

  #play(kind: HookKind, name: string): void | Promise<void> {
    if (["throws", "rejects", "odd"].includes(kind) && this.#played) this.#played.hasFailed = true;
    if (kind === "nothing") return;
    if (kind === "throws") throw new Error(name);
    if (kind === "hangs") return new Promise(() => {});
    if (kind === "odd") return oddPromise(name);
    const later = this.#scheduler.schedule(Promise.resolve(), name);
    return kind === "waits" ? later : later.then(() => Promise.reject(new Error(name)));
  }

  /** A time limit has passed. */
  overran(): void {
    if (this.#played) this.#played.hasFailed = true;
  }

  #prepare(resource: Resource, noticeId: string): void {
    this.#alive("beforeCheckpoint");
    const played = this.#played;
    if (!played || this.lifecycle.state !== "preparing") return void this.broken.push("a hook before a round");
    played.noticeId ??= noticeId;
    if (played.noticeId !== noticeId) this.broken.push("another id in one round");
    if (played.order[played.before.length] !== resource)
      this.broken.push(`${resource.name} was prepared out of its order`);
    played.before.push(resource);
  }

  #last(resource: Resource): void {
    this.#alive("beforeHold");
    const { before = [], last = [] } = this.#played ?? {};
    if (before.length !== this.#played?.order.length || before[last.length] !== resource)
      this.broken.push(`${resource.name} had its last hook out of its order`);
    last.push(resource);
  }

  #rebuild(resource: Resource, { outcome, noticeId, generation }: RestoreContext): void {
    this.#alive("afterRestore");
    const played = this.#played;
    if (!played || this.lifecycle.state !== "recovering") return void this.broken.push("a recovery without a round");
    if (played.before.at(-1 - played.after.length) !== resource)
      this.broken.push(`${resource.name} was rebuilt out of its order`);
    if (outcome !== played.outcome) this.broken.push(`${resource.name} was told ${outcome}, not ${played.outcome}`);
    if (noticeId !== played.noticeId) this.broken.push("another id at the recovery");
    if (generation !== this.#restores) this.broken.push(`generation ${generation} after ${this.#restores} restores`);
    played.after.push(resource);
  }

  #alive(what: string): void {
    if (this.#isFrozen) this.broken.push(`${what} while it was held`);
  }

  /** From `ready` to the outcome nothing of the app runs: no promise job either. */
  #freeze(): void {
    this.#isFrozen = true;
    queueMicrotask(() => this.#alive("a promise job"));
  }

  #see(state: State, round: Round, hasReply: boolean): void {
    const played = this.#played;
    if (state === "preparing") {
      if (played) this.broken.push("two rounds at once");
      this.#count(round.id);
      const order = this.lifecycle.resources.inOrder.toReversed();
      this.#played = { round, order, before: [], last: [], after: [], hasFailed: false };
    }
    if (!played) return;
    if (state === "held" && hasReply) {
      if (this.#isFrozen) this.#count(round.id);
      if (played.hasFailed || played.before.length < played.order.length)
        this.broken.push(`ready, but not prepared: ${round.id}`);
      this.#freeze();
    }
    if (state === "recovering") {
      this.#isFrozen = false;
      played.outcome = round.outcome as Outcome;
      if (hasReply && played.outcome !== "aborted") this.broken.push("a refusal that is no abort");
    }
    if (state === "running") {
      if (played.after.length !== played.before.length)
        this.broken.push(`${played.after.length} of ${played.before.length} were rebuilt`);
      this.#played = undefined;
    }
  }

  #count(id: string): void {
    this.#begun.set(id, (this.#begun.get(id) ?? 0) + 1);
  }

  #arm(notice: Notice, isTaken: (() => boolean) | undefined): () => Release {
    const turn = this.#turn++;
    if (cycled(this.#plan.armFails, turn)) {
      this.#unarmed.add(notice.id);
      throw new Error("EMFILE");
    }
    // Its hold would have no end.
    if (!isTaken && this.#points.has(notice.id)) this.broken.push("a point of the app's own was taken for a notice");
    return () => {
      this.#isFrozen = true;
      if (isTaken) {
        for (const told of this.#plan.atPoint[turn] ?? []) this.notify(told);
        if (isTaken()) return { outcome: "aborted", simulated: false };
      }
      const release = cycled(this.#plan.releases, turn);
      if (release.outcome === "restored" && !release.simulated) this.#restores++;
      this.#isFrozen = false;
      return release;
    };
  }
}

function oddPromise(name: string): Promise<void> {
  return Object.defineProperty({}, "then", {
    get() {
      throw new Error(name);
    },
  }) as Promise<void>;
}

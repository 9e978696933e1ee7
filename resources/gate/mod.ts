/**
 * A gate that keeps work in flight out of a dump: preparing waits until those inside have left, and who comes meanwhile waits for
 * the outcome.
 *
 * In Deno it needs no permission.
 *
 * @module
 */
import { checkTime } from "../../lifecycle/time.ts";
import type { Resource } from "../../lifecycle/types.ts";
import { Answers } from "./answers.ts";
import { Door, type Visit } from "./door.ts";
import { type Entry, entryOf, type Pass } from "./entry.ts";
import { hasGone, warnsOfSignal } from "./gone.ts";
import { callSite, requestLine } from "./where.ts";

export type { Entry, Pass } from "./entry.ts";
export { GateBusyError, GateClosedError } from "./errors.ts";

/** What a gate should do. */
export interface GateOptions {
  /** Names the resource in refusals and in `status`. @default "gate" */
  readonly name?: string;
  /** How long preparing waits for those inside, in milliseconds; then the checkpoint is refused. @default the agent's `hookTimeoutMs` */
  readonly timeoutMs?: number;
  /** How long who comes while it is closed waits, in milliseconds. @default no limit, for every checkpoint has an end */
  readonly waitMs?: number;
  /** Notes where each enters, so that a refusal can name it. For development: it costs a stack each time. @default false */
  readonly collectStacks?: boolean;
}

/** How to enter. */
export interface EnterOptions {
  /** How long to wait while it is closed, in milliseconds. @default that of the gate */
  readonly waitMs?: number;
  /** Ends the wait, and rejects with its reason. */
  readonly signal?: AbortSignal;
  /**
   * Work that this is a part of: while that is inside, its parts are let in although the gate is closed; it could not end without them.
   * @default the `run` or `wrap` that this is called in
   */
  readonly within?: Pass;
}

/** A resource that work goes through. */
export interface Gate extends Resource {
  /** How many are inside now. */
  readonly inside: number;
  /**
   * Goes in: `using _ = gate.enter()` at once, or it throws; `using _ = await gate.enter()` waits for the outcome of the checkpoint that is
   * under way.
   * @throws {GateClosedError} without `await`, when it is closed; with it, after `waitMs`.
   * @throws the reason of `signal`, when it aborts or has aborted.
   */
  enter(options?: EnterOptions): Entry;
  /**
   * Does a piece of work inside, and leaves whatever becomes of it.
   * @throws {GateClosedError} after `waitMs`.
   * @throws the reason of `signal`, and what the work throws.
   */
  run<T>(work: () => T | PromiseLike<T>, options?: EnterOptions): Promise<T>;
  /**
   * Makes of a handler of requests one whose requests are inside until their answer is sent, streams to their end. Who waits longer than
   * `waitMs` gets 503, and so does who has gone meanwhile. A request that becomes a WebSocket has left.
   */
  wrap<Q extends Request, A extends readonly unknown[], R>(
    handler: (request: Q, ...rest: A) => R | Promise<R>,
  ): (request: Q, ...rest: A) => Promise<R | Response>;
}

/**
 * A gate for work that must not be cut in two by a dump. Register it last of all: it is then closed first, and opens when
 * everything else is rebuilt.
 *
 * A checkpoint is refused, and the app goes on, when somebody is still inside after the time of the hook. Hooks of resources must not wait
 * for a gate: it is closed.
 *
 * @throws {RangeError} for a time that is negative or NaN.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { gate } from "criu-aware/resources/gate";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * const work = gate();
 * agent.register(work);
 *
 * const handler = work.wrap((request: Request) => new Response(`you asked for ${request.url}`));
 * // Bun.serve({ fetch: handler }), or Deno.serve(handler)
 *
 * async function bookOrder(id: string) {
 *   using _ = await work.enter();
 *   await fetch(`https://stock.example/take/${id}`, { method: "POST" });
 *   await fetch(`https://bank.example/charge/${id}`, { method: "POST" });
 * }
 * ```
 */
export function gate(options: GateOptions = {}): Gate {
  const { name = "gate", timeoutMs, waitMs = Number.POSITIVE_INFINITY, collectStacks = false } = options;
  checkTime("waitMs", waitMs);
  const door = new Door();
  const answers = new Answers();
  let mayHaveCut = false;

  const wait = (where: string | undefined, options: EnterOptions): Promise<Visit> => {
    checkTime("waitMs", options.waitMs);
    return door.admitLater(where, { waitMs, ...options });
  };
  const enter = (options: EnterOptions = {}): Entry => {
    options.signal?.throwIfAborted();
    const where = collectStacks ? callSite(enter) : undefined;
    return entryOf(door.admit(where, options.within), () => wait(where, options));
  };
  const run: Gate["run"] = (work, options = {}) => {
    // Outside of the asynchronous part: Bun shows no caller there.
    const where = collectStacks ? callSite(run) : undefined;
    return (async () => {
      options.signal?.throwIfAborted();
      using visit = door.admit(where, options.within) ?? (await wait(where, options));
      return await door.runWithin(visit, work);
    })();
  };

  return {
    name,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    get inside() {
      answers.look();
      return door.count;
    },
    enter,
    run,
    wrap:
      (handler) =>
      async (request, ...rest) => {
        const where = collectStacks ? requestLine(request) : undefined;
        let visit = door.admit(where);
        const hasWaited = visit === undefined;
        const asksLate = warnsOfSignal(rest[0]);
        try {
          visit ??= await wait(where, asksLate ? {} : { signal: request.signal });
        } catch {
          return busy();
        }
        const admitted = visit;
        const leave = (): void => admitted[Symbol.dispose]();
        try {
          if (hasWaited && asksLate && mayHaveCut && (await hasGone(request))) {
            leave();
            return busy();
          }
          const answer = await door.runWithin(admitted, () => handler(request, ...rest));
          if (answer instanceof Response) return answers.watch(answer, request, rest[0], leave);
          leave();
          return answer;
        } catch (error) {
          leave();
          throw error;
        }
      },
    async beforeCheckpoint({ timeoutMs }) {
      door.close();
      using _ = answers.keepLooking();
      await door.emptied(timeoutMs);
      // What was answered last is on its way: the runtime writes it in its next turns.
      for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setTimeout(resolve));
    },
    afterRestore({ outcome, frozenMs }) {
      // An app that goes on after a dump keeps its connections, and so does one that was not held.
      mayHaveCut = outcome === "restored" || (outcome === "aborted" && frozenMs > 0);
      door.open();
    },
  };
}

function busy(): Response {
  return new Response("busy: a checkpoint is under way\n", { status: 503, headers: { "retry-after": "1" } });
}

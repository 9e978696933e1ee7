import type { Agent, AttachOptions } from "./agent.ts";
import { createClock } from "./ffi/clock.ts";
import { type Doorbell, listenToOne, openDoorbell } from "./ffi/doorbell.ts";
import { openLibc } from "./ffi/libc.ts";
import { newId } from "./ffi/new_id.ts";
import { SIGURG } from "./ffi/signal_numbers.ts";
import { printReasons } from "./lifecycle/errors.ts";
import { Lifecycle } from "./lifecycle/lifecycle.ts";
import type { Ports } from "./lifecycle/ports.ts";
import { createRehearsal, REHEARSAL } from "./lifecycle/rehearsal.ts";
import { givingUp } from "./lifecycle/restore_error.ts";
import { checkLease, checkTime } from "./lifecycle/time.ts";
import type { Resource, Round } from "./lifecycle/types.ts";
import { AppPage, hasPage } from "./page/app_page.ts";
import { keepEndSignals } from "./page/end_signals.ts";
import { armHold } from "./page/hold.ts";
import { join } from "./registry.ts";
import type { AgentContext, Listener } from "./strategies/strategy.ts";

let isAttached = false;

/** Before 1.3.12 an AsyncDisposableStack of Bun's uses only what is disposed asynchronously. */
const dispose = (kept: Disposable): void => kept[Symbol.dispose]();

/**
 * Attaches this process: opens its agent page and listens for notices, so that it takes part in its own checkpoint.
 *
 * Before a dump every `beforeCheckpoint` runs; then the app holds still until it knows the outcome, and every `afterRestore`
 * runs. A hook that throws, or outlasts its time, refuses the checkpoint: CRIU then freezes nothing.
 *
 * A notice may be there already, or come while the program still starts. It waits, and counts from the first turn of the event
 * loop after `attach()` has resolved: whatever is registered before the next `await` takes part. What needs longer, as a
 * module that is imported later does, is registered before: by the option `resources`, or by `criu-aware/registry`.
 *
 * @throws {TypeError} for one of `resources` that has no name, an unknown tier, or is there twice.
 * @throws {UnsupportedPlatformError} on anything but Linux with Bun 1.3.0 or newer, or Deno 2.7.12 or newer.
 * @throws {SystemCallError} when the kernel denies something, for example EMFILE.
 * @throws {RangeError} for a time that is negative or NaN, a lease of more than ten minutes, and an `onRestoreError` that there is not.
 * @throws {Error} when this process is attached already, by another thread (a worker) or another copy of this package too.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register({
 *   name: "cache",
 *   beforeCheckpoint: () => console.log("about to be dumped"),
 *   afterRestore: ({ outcome }) => console.log(outcome),
 * });
 * ```
 */
export async function attach(options: AttachOptions): Promise<Agent> {
  if (isAttached) throw new Error("Cannot attach twice: use the agent that is there, or dispose it first.");
  isAttached = true;
  try {
    return await start(options);
  } catch (error) {
    isAttached = false;
    throw error;
  }
}

async function start(options: AttachOptions): Promise<Agent> {
  const libc = await openLibc();
  const { hookTimeoutMs = 10_000, leaseMs = 5_000, onError = printReasons } = options;
  checkLease("leaseMs", leaseMs);
  const giveUp = givingUp(options.onRestoreError, "real");
  // Both would take the same signals, and one of them would hear nothing.
  if (hasPage()) {
    throw new Error(
      "Cannot attach: this process has an agent, in another thread or of another copy of criu-aware. Attach once, in the main thread; a worker calls joinWorker() of criu-aware/worker.",
    );
  }

  await using cleanup = new AsyncDisposableStack();
  const page = cleanup.adopt(new AppPage(libc), dispose);
  const listeners: Listener[] = [];
  let lastRound: Round | undefined;
  let doorbell: Doorbell;

  const { name, version } = libc.runtime;
  const args = process.argv.length - 2;
  const describe = (): void => {
    const resources = lifecycle.resources.inOrder;
    page.describe({
      runtime: { name, version, startedAt: performance.timeOrigin },
      strategies: listeners.map(({ endpoint }) => endpoint),
      resources: resources.map(({ name }) => name),
      launch: resources.some(({ takesLaunch }) => takesLaunch) ? { args } : undefined,
      envGate: resources.flatMap(({ envGate = [] }) => envGate),
      lastRound,
    });
  };
  // Until the program had its chance to register. Whoever is notified before that would be held with no hook asked.
  let early: Parameters<Agent["deliver"]>[] | undefined = [];
  const admit = (): void => {
    const waiting = early;
    early = undefined;
    for (const args of waiting ?? []) deliver(...args);
  };
  const look = (): void => {
    // At a point the first turn may be long in coming.
    if (lifecycle.state === "held") admit();
    for (const listener of listeners) listener.look();
  };
  let rehearsal: Lifecycle | undefined;

  const ports: Ports = {
    hookTimeoutMs,
    giveUp,
    now: createClock(libc),
    report: onError,
    isWithdrawn: ({ id }) => page.word(id) !== undefined,
    takeLaunch: () => page.takeLaunch(),
    // All of them are asked: none is to tell it again.
    findRestore: () => (rehearsal ? undefined : listeners.map((listener) => listener.findRestore?.()).find(Boolean)),
    publish(state, round, reply) {
      lastRound = round;
      // What is told while the app is held has to wake it.
      if (state === "preparing") doorbell.restore();
      if (state === "running") describe();
      page.publish(state, round.id, reply, round.outcome, lifecycle.generation);
      // What rang while the app was held was not looked at then.
      if (state === "running") queueMicrotask(look);
    },
    arm(notice, isTaken) {
      page.point = isTaken ? "waiting" : lifecycle.state === "held" ? "taken" : "none";
      // Whoever asks while it rehearses is still to be heard.
      const asked = rehearsal ? [] : listeners;
      const wordSources = asked.flatMap(({ whileHeld }) => whileHeld ?? []);
      const point = isTaken && { isTaken, look, endSignals };
      const hold = armHold({ libc, page, doorbell, wordSources, leaseMs, point }, notice);
      for (const listener of asked) listener.release?.(notice.id);
      return hold;
    },
  };
  const lifecycle = new Lifecycle(ports);

  doorbell = cleanup.use(await openDoorbell(libc, page.ring, look));
  const wakeSignal = listenToOne(doorbell, SIGURG);
  const endSignals = keepEndSignals(libc, doorbell);
  const deliver = lifecycle.deliver.bind(lifecycle);
  const context: AgentContext = {
    libc,
    page,
    doorbell,
    deliver(...args) {
      if (rehearsal && args[0].id === REHEARSAL.id) rehearsal.deliver(...args);
      else if (early) early.push(args);
      else deliver(...args);
    },
    lookForRestore: () => lifecycle.work(),
  };
  for (const resource of options.resources ?? []) lifecycle.resources.add(resource);
  for (const strategy of options.strategies) listeners.push(cleanup.adopt(strategy.start(context), dispose));

  const register = (resource: Resource): Disposable => {
    const registration = lifecycle.resources.add(resource);
    describe();
    return registration;
  };
  cleanup.adopt(join(register), dispose);
  if (options.rehearse !== false) {
    // The page is not open yet: no driver sees this.
    const { played, done } = createRehearsal(ports);
    rehearsal = played;
    const listener = listeners.find(({ rehearse }) => rehearse);
    if (listener) listener.rehearse?.(REHEARSAL);
    else context.deliver(REHEARSAL, { reply() {} });
    await done;
    rehearsal = lastRound = undefined;
    page.forget();
  }
  describe();
  page.open(wakeSignal);
  if (options.resources) admit();
  const firstTurn = setImmediate(admit);
  cleanup.defer(() => clearImmediate(firstTurn));

  const running = cleanup.move();
  return {
    get state() {
      return running.disposed ? "detached" : lifecycle.state;
    },
    get generation() {
      return lifecycle.generation;
    },
    get restoredAt() {
      return lifecycle.restoredAt;
    },
    get launch() {
      return lifecycle.launch;
    },
    get lastOutcome() {
      return lifecycle.lastOutcome;
    },
    get lastErrors() {
      return lifecycle.lastErrors;
    },
    register,
    deliver,
    async point({ timeoutMs = Number.POSITIVE_INFINITY, signal } = {}) {
      checkTime("timeoutMs", timeoutMs);
      signal?.throwIfAborted();
      if (running.disposed) throw new Error("Cannot checkpoint: the agent was disposed. Attach again.");
      const id = newId();
      const callers = listeners.flatMap((listener) => listener.point?.(id) ?? []);
      return lifecycle.ask({ id, leaseMs: timeoutMs }, { callers, isPoint: true, signal, last: endSignals.resource });
    },
    async [Symbol.asyncDispose]() {
      if (running.disposed) return;
      // From here on nobody looks at what is being closed.
      listeners.length = 0;
      await running.disposeAsync();
      isAttached = false;
    },
  };
}

import assert from "node:assert/strict";
import fc, { type Scheduler } from "fast-check";
import { tiers } from "../../lifecycle/types.ts";
import type { Border } from "./border.ts";
import { type HookKind, type Plan, type ResourcePlan, type Told, World } from "./lifecycle_world.ts";

const often = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 3 + others.length, arbitrary: fc.constant(usual) },
    { weight: others.length, arbitrary: fc.constantFrom(...others) },
  );
const hook = often<HookKind>("nothing", "waits", "throws", "rejects", "hangs", "odd");
const resource: fc.Arbitrary<ResourcePlan> = fc.record({
  tier: fc.constantFrom(...tiers),
  before: hook,
  last: often<HookKind>("nothing", "nothing", "throws", "rejects"),
  after: hook,
});
const told: fc.Arbitrary<Told> = fc.record({
  again: fc.option(fc.nat(5), { nil: undefined }),
  deadline: often<number | undefined>(undefined, -1, 0, 50),
  caller: fc.record({
    cannotReply: often(false, true),
    isGone: often(false, true),
    next: often("nothing" as const, "notify" as const, "ask" as const, "point" as const),
  }),
});
const plans: fc.Arbitrary<Plan> = fc.record({
  releases: fc.array(
    fc.record({ outcome: fc.constantFrom("restored", "continued", "aborted"), simulated: often(false, true) }),
    { minLength: 1, maxLength: 6 },
  ),
  atPoint: fc.array(fc.array(told, { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  armFails: fc.array(often(false, true), { minLength: 1, maxLength: 4 }),
  launchFails: fc.array(often(false, true), { minLength: 1, maxLength: 3 }),
});

/** The simple half: what has been done so far decides what can be done next. */
interface Model {
  resources: number;
  notices: number;
  asked: number;
}

interface Stage {
  readonly world: World;
  readonly scheduler: Scheduler;
}

class Step implements fc.AsyncCommand<Model, Stage> {
  readonly #text: string;
  readonly #isPossible: (model: Model) => boolean;
  readonly #act: (world: World, model: Model) => void;

  constructor(
    text: string,
    act: (world: World, model: Model) => void,
    isPossible: (model: Model) => boolean = () => true,
  ) {
    this.#text = text;
    this.#act = act;
    this.#isPossible = isPossible;
  }

  check(model: Readonly<Model>): boolean {
    return this.#isPossible(model);
  }

  async run(model: Model, { world }: Stage): Promise<void> {
    this.#act(world, model);
    await settled();
  }

  toString(): string {
    return this.#text;
  }
}

/** Lets something happen that was under way: a hook ends, or its time. */
class Turn implements fc.AsyncCommand<Model, Stage> {
  check(): boolean {
    return true;
  }

  async run(_: Model, { scheduler }: Stage): Promise<void> {
    if (scheduler.count() > 0) await scheduler.waitOne();
    await settled();
  }

  toString(): string {
    return "turn";
  }
}

const commands = [
  resource.map(
    (plan) =>
      new Step(`register ${JSON.stringify(plan)}`, (world, model) => {
        model.resources++;
        world.register(plan);
      }),
  ),
  fc.nat(9).map(
    (which) =>
      new Step(
        `take out ${which}`,
        (world) => world.takeOut(which),
        ({ resources }) => resources > 0,
      ),
  ),
  told.map(
    (told) =>
      new Step(
        `notify ${JSON.stringify(told)}`,
        (world, model) => {
          model.notices++;
          world.notify(told);
        },
        ({ notices }) => told.again === undefined || notices > 0,
      ),
  ),
  fc.nat(9).map(
    (which) =>
      new Step(
        `withdraw ${which}`,
        (world) => world.withdraw(which),
        ({ notices }) => notices > 0,
      ),
  ),
  fc.boolean().map(
    (isPoint) =>
      new Step(isPoint ? "point" : "ask", (world, model) => {
        model.asked++;
        world.ask(isPoint);
      }),
  ),
  fc.nat(9).map(
    (which) =>
      new Step(
        `abort ${which}`,
        (world) => world.abort(which),
        ({ asked }) => asked > 0,
      ),
  ),
  fc.constantFrom(1, 60).map((ms) => new Step(`${ms} ms pass`, (world) => world.pass(ms))),
  fc.constant(new Turn()),
  fc.constant(new Turn()),
];

/** The whole life of an app, its hooks, notices and points in any order: what must never happen. */
export const lifecycle: Border = {
  name: "lifecycle",
  runs: 1500,
  open: () =>
    fc.asyncProperty(
      fc.scheduler(),
      plans,
      fc.array(resource, { maxLength: 3 }),
      fc.commands(commands, { maxCommands: 25 }),
      async (scheduler, plan, resources, steps) => {
        const world = new World(scheduler, plan);
        using _timers = playTimers(scheduler, world);
        for (const plan of resources) world.register(plan);
        const stage = { world, scheduler };
        await fc.asyncModelRun(
          () => ({ model: { resources: resources.length, notices: 0, asked: 0 }, real: stage }),
          steps,
        );
        await quiet(scheduler);
        world.check();
        assert.deepEqual(world.broken, []);
      },
    ),
};

/** Time limits are reached when the scheduler says so. */
function playTimers(scheduler: Scheduler, world: World): Disposable {
  const { setTimeout, clearTimeout } = globalThis;
  const waiting = new Set<number>();
  let last = 0;
  globalThis.setTimeout = ((callback: () => void) => {
    const id = ++last;
    waiting.add(id);
    void scheduler.schedule(Promise.resolve(), `time limit ${id}`).then(() => {
      if (!waiting.delete(id)) return;
      world.overran();
      callback();
    });
    return id;
  }) as unknown as typeof setTimeout;
  globalThis.clearTimeout = ((id: number) => void waiting.delete(id)) as unknown as typeof clearTimeout;
  return {
    [Symbol.dispose]() {
      Object.assign(globalThis, { setTimeout, clearTimeout });
    },
  };
}

/** As many promise jobs as one step of the lifecycle needs, and more. */
async function settled(jobs = 30): Promise<void> {
  for (let i = 0; i < jobs; i++) await undefined;
}

/** As many as a few rounds need in which nothing waits. */
const QUIET_JOBS = 300;

async function quiet(scheduler: Scheduler): Promise<void> {
  for (await settled(QUIET_JOBS); scheduler.count() > 0; await settled(QUIET_JOBS)) await scheduler.waitOne();
}

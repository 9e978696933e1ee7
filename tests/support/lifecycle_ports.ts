import { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { Caller, Ports, Release } from "../../lifecycle/ports.ts";
import type { Notice, Outcome, Reply, Resource, Round, State } from "../../lifecycle/types.ts";

/** What the lifecycle published at one moment. */
export interface Published {
  readonly state: State;
  readonly round: Round;
  readonly reply: Reply | undefined;
}

/** A lifecycle whose outside is played: what it asks for is answered from here, what it does is written down here. */
export interface Stage {
  readonly lifecycle: Lifecycle;
  readonly published: Published[];
  readonly reports: Error[];
  readonly withdrawn: Set<string>;
  /** How the next holds end. */
  release: Release;
  /** Called while held. */
  onHold: (notice: Notice) => void;
  now: number;
  /** Delivers a notice; resolves with the reply and the outcome when the round is over. */
  deliver(notice: Notice): Promise<{ reply: Reply; outcome: Outcome }>;
}

export function createStage(overrides: Partial<Ports> = {}): Stage {
  const published: Published[] = [];
  const reports: Error[] = [];
  const withdrawn = new Set<string>();
  const lifecycle = new Lifecycle({
    hookTimeoutMs: 5000,
    now: () => stage.now,
    report: (error) => void reports.push(error),
    isWithdrawn: ({ id }) => withdrawn.has(id),
    takeLaunch: () => ({}),
    publish: (state, round, reply) => void published.push({ state, round: { ...round }, reply }),
    arm: (notice) => () => {
      stage.onHold(notice);
      return stage.release;
    },
    ...overrides,
  });
  const stage: Stage = {
    lifecycle,
    published,
    reports,
    withdrawn,
    release: { outcome: "continued", simulated: false },
    onHold: () => {},
    now: 1_000_000,
    deliver: (notice) =>
      new Promise((resolve) => {
        let reply: Reply;
        lifecycle.deliver(notice, {
          reply: (given) => {
            reply = given;
          },
          outcome: (outcome) => resolve({ reply, outcome }),
        });
      }),
  };
  return stage;
}

/** A caller that writes down what it is told, in one line each. */
export function recordingCaller(log: string[], name: string, more: Partial<Caller> = {}): Caller {
  return {
    reply: (reply) => void log.push(`${name}: ${reply.reply}`),
    outcome: (outcome) => void log.push(`${name}: ${outcome}`),
    ...more,
  };
}

/** A resource that writes its hooks down. */
export function recorder(log: string[], name: string, more: Partial<Resource> = {}): Resource {
  return {
    name,
    beforeCheckpoint: () => void log.push(`before ${name}`),
    afterRestore: () => void log.push(`after ${name}`),
    ...more,
  };
}

import type { Expected, Facts } from "./facts.ts";
import { digestAfter } from "./weights.ts";

/** What is wrong with a life of the app, a line each. */
export function judge(facts: Facts, expected: Expected): string[] {
  const { round, noticeId, before, ids } = expected;
  const wrong: string[] = [];
  const check = (isRight: boolean, what: string): void => void (isRight || wrong.push(what));

  check(facts.noticeId === noticeId, `the hooks were called for the notice ${facts.noticeId}, not for ${noticeId}`);
  check(facts.outcome === "restored", `the outcome is ${facts.outcome}`);
  check(facts.generation === round, `the generation is ${facts.generation}`);

  const { step, digests } = facts;
  check(step > (before?.step ?? 0), `the training did not go on: step ${step}`);
  check(digests.before === digestAfter(step), `GPU state: wrong at the dump, step ${step}`);
  check(digests.after === digests.before, `GPU state: ${digests.before} became ${digests.after}, step ${step}`);

  for (const [name, { atHold, atRelease, now, isHeld }] of Object.entries(facts.counters)) {
    const least = before?.counters[name]?.now ?? 0;
    check(atHold > least, `the counter ${name} stood at ${atHold} at the hold, after ${least}`);
    check(atRelease >= atHold, `the counter ${name} went back from ${atHold} to ${atRelease}`);
    check(!isHeld || atRelease <= atHold, `the counter ${name} went on in the hold: from ${atHold} to ${atRelease}`);
    check(now > atRelease, `the counter ${name} did not go on after ${atRelease}`);
  }
  const { set, fired } = facts.timers;
  check(set === fired, `of ${set} timers that were set before a dump ${fired} fired after it`);
  for (const [name, { is, wanted }] of Object.entries(facts.answers))
    check(is === wanted, `${name} answered ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
  const again = facts.ids.filter((id, i) => ids.has(id) || facts.ids.indexOf(id) !== i);
  check(again.length === 0, `drawn a second time: ${again.join(", ")}`);
  return wrong;
}

/** How often hooks were called in a number of checkpoints. */
export interface Calls {
  /** Notices for which no hook was called. */
  readonly lost: number;
  /** Calls that were one too many. */
  readonly twice: number;
}

/** What the hooks of the app have done since the life before, in which it was to be dumped so many times. */
export function countCalls(facts: Facts, before: Facts | undefined, dumps: number): Calls {
  const { beforeCheckpoint, beforeHold, afterRestore } = facts.hooks;
  const was = before?.hooks ?? { beforeCheckpoint: 0, beforeHold: 0, afterRestore: 0 };
  const calls = [
    beforeCheckpoint - was.beforeCheckpoint,
    beforeHold - was.beforeHold,
    afterRestore - was.afterRestore,
  ] as const;
  return {
    lost: Math.max(0, dumps - calls[0]),
    twice: calls.reduce((all, one) => all + Math.max(0, one - dumps), 0),
  };
}

/**
 * What would make a dump fail, found before CRIU is asked: for apps, drivers and people.
 *
 * In Deno it needs `--allow-all`: Deno opens /proc to nobody else.
 *
 * @module
 */
export {
  BlockedError,
  blockers,
  byCure,
  describeBlocker,
  describeCure,
  describeThing,
  otherSide,
  unblocked,
} from "./inside.ts";
export { type Blocker, type BlockerKind, type Cure, type KindRow, kinds } from "./kinds.ts";
export type { GivenOptions } from "./report.ts";
export { type FindOptions, findBlockers } from "./scan.ts";

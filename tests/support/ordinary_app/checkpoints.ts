/** All that the service knows of checkpoints. */
import { attach } from "criu-aware";
import { connections } from "criu-aware/resources/connections";
import { environment } from "criu-aware/resources/environment";
import { type Gate, gate } from "criu-aware/resources/gate";
import { uniqueness } from "criu-aware/resources/uniqueness";
import { signal } from "criu-aware/strategies/signal";

const work: Gate = gate();
const resources = [
  uniqueness(),
  environment(),
  connections({ listen: "rebind", listenAt: (_, { launch }) => ({ port: Number(launch?.values?.port) }) }),
  work,
];

await attach({ strategies: [signal()], resources: process.env.ATTACH === "yes" ? resources : [] });

/** Makes of a handler one whose requests are not cut in two. */
export const guarded: Gate["wrap"] = work.wrap;

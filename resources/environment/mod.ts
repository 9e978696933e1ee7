/**
 * A resource that gives a restored program its new environment: variables, arguments, working directory, time zone.
 *
 * In Deno it needs `--allow-env`; what is of the kernel (hostname, name servers, a whole new environment) comes with the `--allow-ffi` of
 * `attach()`, and a launch with a working directory needs `--allow-read` as well.
 *
 * @module
 */
import { openEnvironment, watchReads } from "#environment";
import type { RuntimeEnvironment } from "../../ffi/environment.ts";
import type { Change, Launch, LaunchChanges, Resource, Writable } from "../../lifecycle/types.ts";
import { printStale, Reads, type StaleRead } from "./reads.ts";
import { differences, lookAround, type Surroundings, systemTimeZone } from "./surroundings.ts";
import { askedFor, baseAfter, startVariables, type Variables } from "./variables.ts";

export type { Change, Dns, Launch, LaunchChanges, LaunchOptions } from "../../lifecycle/types.ts";
export type { StaleRead } from "./reads.ts";

/** Options of {@linkcode environment}. */
export interface EnvironmentOptions {
  /** Names the resource in refusals and in `status`. @default "environment" */
  readonly name?: string;
  /** Variables that keep the value of the dump, whatever the launch says. */
  readonly immutable?: readonly string[];
  /**
   * Variables whose change makes the image unfit: `run --restore-or-start` then starts the program anew and says which, `restore` refuses.
   * At most 64.
   */
  readonly envGate?: readonly string[];
  /** Notes who reads which variable first, and warns after a restore of each that has another value by then. @default false */
  readonly audit?: boolean;
  /** Gets what `audit` has found. @default prints it on stderr */
  readonly onStale?: (reads: readonly StaleRead[]) => void;
}

const MOST_GATED = 64;

/**
 * Renews what a restored program has of its surroundings, before any other code of it runs: the variables of the launch in `process.env`,
 * in libc and in what children get; the arguments in `process.argv`; the working directory; the time zone. `launch.changes` says
 * what was and what is.
 *
 * A variable that the program has set itself stays, unless the launch names it. What was made of a variable before the dump is not made
 * again: read it in `afterRestore`. Workers that run keep what they have.
 *
 * @throws {RangeError} for a name that no variable can have, and for more than 64 in `envGate`.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { environment } from "criu-aware/resources/environment";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(environment({ envGate: ["REGION"] }));
 * agent.register({
 *   name: "database",
 *   afterRestore: ({ launch }) => console.log(launch?.changes?.env.DATABASE_URL?.is, process.argv.slice(2)),
 * });
 * ```
 */
export function environment(options: EnvironmentOptions = {}): Resource {
  const { name = "environment", immutable = [], envGate = [], audit = false, onStale = printStale } = options;
  checkNames("immutable", immutable);
  checkNames("envGate", envGate);
  if (envGate.length > MOST_GATED)
    throw new RangeError(`envGate has ${envGate.length} names, and may have ${MOST_GATED}.`);
  const reads = new Reads();
  if (audit) watchReads(reads.note);
  let runtime: RuntimeEnvironment | undefined;
  let before: Surroundings | undefined;
  let base: Variables | undefined;

  return {
    name,
    tier: "runtime",
    takesLaunch: true,
    envGate,
    async beforeCheckpoint() {
      runtime ??= await openEnvironment();
      base ??= startVariables();
      before = reads.without(lookAround);
    },
    afterRestore({ outcome, launch }) {
      if (outcome !== "restored" || !runtime || !before || !base || !launch) return;
      const was = before;
      const { env, kept } = reads.without(() =>
        renewVariables(runtime as RuntimeEnvironment, launch, base as Variables, immutable),
      );
      base = baseAfter(launch, base);
      if (launch.args) runtime.setArguments(launch.args);
      const failure = changeDirectory(launch.cwd);
      reads.without(() => renewTimeZone(runtime as RuntimeEnvironment, immutable));
      const changes: Writable<LaunchChanges> = {
        env,
        ...(kept.length > 0 ? { kept } : {}),
        ...differences(was, reads.without(lookAround)),
      };
      if (changes.dns) useNameServers(runtime, changes.dns.is.servers);
      (launch as Writable<Launch>).changes = changes;
      const stale = reads.take(Object.keys(env));
      if (stale.length > 0) onStale(stale);
      if (failure) throw failure;
    },
  };
}

function renewVariables(
  runtime: RuntimeEnvironment,
  launch: Launch,
  base: Variables,
  immutable: readonly string[],
): { env: Record<string, Change<string | undefined>>; kept: string[] } {
  const env: Record<string, Change<string | undefined>> = {};
  const kept: string[] = [];
  for (const [name, is] of askedFor(launch, base)) {
    const was = process.env[name];
    if (was === is) continue;
    if (immutable.includes(name)) {
      kept.push(name);
      continue;
    }
    runtime.set(name, is);
    env[name] = { was, is };
  }
  return { env, kept };
}

/** Bun goes back to the time zone of its start when TZ goes, and neither runtime looks at /etc/localtime again. */
function renewTimeZone(runtime: RuntimeEnvironment, immutable: readonly string[]): void {
  if (process.env.TZ || immutable.includes("TZ")) return;
  const zone = systemTimeZone();
  if (zone === undefined || zone === Intl.DateTimeFormat().resolvedOptions().timeZone) return;
  runtime.set("TZ", zone);
}

function changeDirectory(cwd: string | undefined): Error | undefined {
  try {
    if (cwd !== undefined) process.chdir(cwd);
    return undefined;
  } catch (cause) {
    return new Error(`Cannot make ${cwd} the working directory: ${(cause as Error).message}`, { cause });
  }
}

function useNameServers(runtime: RuntimeEnvironment, servers: readonly string[]): void {
  try {
    runtime.useNameServers(servers);
  } catch {
    // One with a scope (fe80::1%eth0), which it does not take: it goes on with the old ones.
  }
}

function checkNames(option: string, names: readonly string[]): void {
  const wrong = names.find((name) => typeof name !== "string" || !/^[^=\0]+$/.test(name));
  if (wrong !== undefined)
    throw new RangeError(`${option} must hold names of environment variables, not ${JSON.stringify(wrong)}.`);
}

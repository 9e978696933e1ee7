/**
 * What a health probe reads: whether the app can take work, or is in the middle of a checkpoint, or has come out of one with something
 * missing.
 *
 * In Deno it needs no permission.
 *
 * @module
 */
import type { State } from "../lifecycle/types.ts";

/** What is asked of an agent; that of `attach()` has it, the simulated one too. */
export interface ReadinessSource {
  /** What the agent is doing. */
  readonly state: State;
  /** What could not be rebuilt after the last checkpoint. */
  readonly lastErrors: readonly (Error & { readonly resource: string })[];
}

/** Whether an app is ready for work. */
export interface Readiness {
  /** False from the notice of a checkpoint until every resource is rebuilt, and after that when one could not be. */
  readonly ready: boolean;
  /** Why it is not ready, with the errors; undefined when it is. */
  readonly reason: string | undefined;
  /**
   * Answers a probe: 200 when ready, else 503. The text names the resources that could not be rebuilt and not their errors, which may hold
   * what a stranger should not read.
   */
  handler(): Response;
  /** Tells that what could not be rebuilt has been rebuilt by other means: it counts as ready, until the next checkpoint. */
  repaired(): void;
}

/**
 * Tells from an agent whether the app is ready. Nothing has to be registered: the agent says `preparing` before the first hook, and
 * `running` after the last. A disposed agent takes part in nothing: what was last counts.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { readiness } from "criu-aware/resources/readiness";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * const health = readiness(agent);
 * const handler = (request: Request) =>
 *   new URL(request.url).pathname === "/ready" ? health.handler() : new Response("hello");
 * // Bun.serve({ fetch: handler }), or Deno.serve(handler)
 * ```
 */
export function readiness(agent: ReadinessSource): Readiness {
  let repaired: ReadinessSource["lastErrors"] | undefined;
  const missing = (): ReadinessSource["lastErrors"] => (agent.lastErrors === repaired ? [] : agent.lastErrors);
  const isBusy = (): boolean => agent.state !== "running" && agent.state !== "detached";
  const because = (nameOf: (error: ReadinessSource["lastErrors"][number]) => string): string | undefined => {
    if (isBusy()) return `a checkpoint is under way (${agent.state})`;
    if (missing().length > 0) return `not rebuilt: ${missing().map(nameOf).join("; ")}`;
    return undefined;
  };
  return {
    get ready() {
      return !isBusy() && missing().length === 0;
    },
    get reason() {
      return because(({ message }) => message);
    },
    handler() {
      const reason = because(({ resource }) => resource);
      const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
      return new Response(`${reason ?? "ready"}\n`, { status: reason === undefined ? 200 : 503, headers });
    },
    repaired() {
      repaired = agent.lastErrors;
    },
  };
}

/**
 * Secrets that are not in an image: erased in the last moment before a dump, and fetched again after it.
 *
 * In Deno it needs no permission.
 *
 * @module
 */
import type { Resource } from "../../lifecycle/types.ts";
import { Door } from "../gate/door.ts";
import { kindOf, SecretAwayError, SecretFetchError, UnusableBytesError } from "./errors.ts";

export { GateBusyError } from "../gate/errors.ts";
export { SecretAwayError, SecretFetchError } from "./errors.ts";

/** Which secrets there are, and where they come from. */
export interface SecretsOptions<N extends string> {
  /** Names the resource in refusals and in `status`. @default "secrets" */
  readonly name?: string;
  /** The names of the secrets. They are no secrets themselves: errors say them. */
  readonly names: readonly N[];
  /**
   * Gets the bytes of a secret, in a new array each time. They are taken over: the array that was given is erased at once.
   */
  fetch(name: N, context: { readonly signal: AbortSignal }): Uint8Array | Promise<Uint8Array>;
  /** Gets what `fetch` threw, which may hold what must not be printed. @default it is dropped */
  readonly onError?: (error: unknown, name: N) => void;
  /** The time for each hook in milliseconds. @default the agent's `hookTimeoutMs` */
  readonly timeoutMs?: number;
}

/** A resource that keeps secrets. */
export interface Secrets<N extends string> extends Resource {
  /**
   * Lends the bytes of a secret for a piece of work: fetches it when it is not here, and waits for the outcome of a checkpoint that is under
   * way, unless `signal` ends the wait. A dump waits until the work has ended, and is refused when that takes too long. Whoever keeps the
   * array sees it erased.
   *
   * @throws {RangeError} for a name that was not given.
   * @throws {SecretFetchError} when it cannot be fetched.
   * @throws the reason of `signal`, and what the work throws.
   */
  use<T>(
    name: N,
    work: (bytes: Uint8Array<ArrayBuffer>) => T | PromiseLike<T>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<T>;
  /**
   * The bytes of a secret that is here: for at once only, because a checkpoint turns them into zeros.
   *
   * @throws {SecretAwayError} when it is not here.
   * @throws {RangeError} for a name that was not given.
   */
  get(name: N): Uint8Array<ArrayBuffer>;
  /** Fetches those that are not here. @throws {SecretFetchError} when some cannot be fetched; the others are here then. */
  load(): Promise<void>;
}

/**
 * Keeps secrets out of images. Before a dump no use of them goes on; in the last moment their bytes are overwritten with zeros and
 * forgotten. After it, whatever its outcome, those that were here are fetched again. One that cannot be is a recovery that failed; the next
 * `use` tries again.
 *
 * It cannot reach copies: a string that was made of the bytes, a key that was imported, what a network library has read. Keep
 * bytes, make strings late, and look into an image with `criu-aware images DIR --find -`.
 *
 * Register it after `connections()`, if it fetches by network, and before what needs the secrets.
 *
 * @throws {RangeError} without names.
 * @example
 * ```ts
 * import { openSync, closeSync, fstatSync, readSync } from "node:fs";
 * import { attach } from "criu-aware";
 * import { secrets } from "criu-aware/resources/secrets";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const keys = secrets({
 *   names: ["session", "webhook"],
 *   fetch(name) {
 *     const file = openSync(`/run/secrets/${name}`, "r");
 *     const bytes = new Uint8Array(fstatSync(file).size);
 *     readSync(file, bytes);
 *     closeSync(file);
 *     return bytes;
 *   },
 * });
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(keys);
 *
 * const same = await keys.use("session", (bytes) => bytes.length === 32);
 * ```
 */
export function secrets<const N extends string>(options: SecretsOptions<N>): Secrets<N> {
  const { name = "secrets", names, fetch, onError, timeoutMs } = options;
  if (names.length === 0) throw new RangeError("Cannot keep no secrets: give their `names`.");
  const door = new Door();
  const never = new AbortController().signal;
  const here = new Map<N, Uint8Array<ArrayBuffer>>();
  const fetching = new Map<N, Promise<void>>();
  const given = new WeakSet<Uint8Array>();
  let erased: N[] = [];
  let lives = 0;

  const requireName = (name: N): void => {
    if (!names.includes(name)) throw new RangeError(`There is no secret ${name}: there are ${names.join(", ")}.`);
  };
  const take = (name: N, bytes: Uint8Array): void => {
    if (!(bytes instanceof Uint8Array)) throw new UnusableBytesError("fetch gave no Uint8Array, which can be erased");
    if (given.has(bytes)) throw new UnusableBytesError("fetch gave an array for the second time: it was erased");
    if (bytes.length === 0) throw new UnusableBytesError("fetch gave no bytes");
    // In memory of its own: V8 moves small arrays, and leaves what was there.
    const own = new Uint8Array(new ArrayBuffer(bytes.length));
    own.set(bytes);
    bytes.fill(0);
    given.add(bytes);
    here.set(name, own);
  };
  const fetchOne = async (name: N, signal: AbortSignal): Promise<void> => {
    const asked = lives;
    const bytes = await fetch(name, { signal });
    // Nobody waits for it any more: it was given up, and may be of another life.
    if (asked === lives && !here.has(name)) take(name, bytes);
    else bytes.fill(0);
  };
  /** Those that are not here, each once although many ask. */
  const fetchMissing = async (wanted: readonly N[], signal: AbortSignal): Promise<void> => {
    const failures: { readonly secret: N; readonly why: string }[] = [];
    const missing = wanted.filter((name) => !here.has(name));
    await Promise.all(
      missing.map(async (name) => {
        if (!fetching.has(name))
          fetching.set(
            name,
            fetchOne(name, signal).finally(() => fetching.delete(name)),
          );
        try {
          await fetching.get(name);
        } catch (error) {
          failures.push({ secret: name, why: kindOf(error) });
          onError?.(error, name);
        }
      }),
    );
    if (failures.length > 0) throw new SecretFetchError(failures);
  };
  const inside = async <T>(where: string, work: () => T | PromiseLike<T>, signal?: AbortSignal): Promise<T> => {
    signal?.throwIfAborted();
    using visit = door.admit(where) ?? (await door.admitLater(where, { waitMs: Number.POSITIVE_INFINITY, signal }));
    return await door.runWithin(visit, work);
  };

  return {
    name,
    tier: "connection",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async use(name, work, { signal } = {}) {
      requireName(name);
      return await inside(
        `use("${name}")`,
        async () => {
          await fetchMissing([name], never);
          return await work(here.get(name)!);
        },
        signal,
      );
    },
    get(name) {
      requireName(name);
      const bytes = here.get(name);
      if (!bytes) throw new SecretAwayError(name);
      return bytes;
    },
    load: () => inside("load()", () => fetchMissing(names, never)),
    beforeCheckpoint({ timeoutMs }) {
      door.close();
      return door.emptied(timeoutMs);
    },
    // So late that nothing has to be fetched again when another resource refuses.
    beforeHold() {
      erased = [...here.keys()];
      for (const bytes of here.values()) bytes.fill(0);
      here.clear();
    },
    async afterRestore({ signal }) {
      const giveUp = (): void => {
        lives++;
        fetching.clear();
        door.open();
      };
      signal.addEventListener("abort", giveUp);
      try {
        await fetchMissing(erased, signal);
      } finally {
        signal.removeEventListener("abort", giveUp);
        erased = [];
        door.open();
      }
    },
  };
}

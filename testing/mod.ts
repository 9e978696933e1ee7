/**
 * For the tests of an app: is what it draws different in every copy of its image? A real dump and real restores by CRIU: it needs root.
 *
 * In Deno it needs `--allow-all`: it runs CRIU, and Deno opens /proc to nobody else.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import type { CriuOptions } from "../criu/options.ts";
import { privateDirectory } from "../driver/private_directory.ts";
import { openLibc } from "../ffi/libc.ts";
import { ownModule, programCommand } from "../package/program.ts";
import { drawInClones } from "./clones.ts";
import { type Collision, collisionsOf, describeCollision } from "./collisions.ts";

export type { CriuOptions } from "../criu/options.ts";
export type { Collision } from "./collisions.ts";

/** Options of {@linkcode expectUniqueAcrossClones}. */
export interface CloneOptions {
  /** How many copies are restored, one after the other. @default 3 */
  readonly clones?: number;
  /** Names of values that may be the same in several copies. */
  readonly ignore?: readonly string[];
  /** The command that runs a module, to which more arguments are added. @default this runtime; in Deno with `--allow-all` */
  readonly run?: readonly string[];
  /** Options of CRIU, for the dump and the restores. */
  readonly criuOptions?: CriuOptions;
  /** How long the start, each dump, each restore and each `draw()` may take, in milliseconds. @default 30000 */
  readonly timeoutMs?: number;
}

/** Copies of one image had the same values. */
export class CollisionError extends Error {
  /** @ignore */
  override readonly name = "CollisionError";
  /** What was the same, by its names. */
  readonly collisions: readonly Collision[];

  /** @ignore */
  constructor(collisions: readonly Collision[]) {
    super(
      `Copies of one image draw the same:\n  ${collisions.map(describeCollision).join("\n  ")}\nRegister uniqueness() of criu-aware/resources/uniqueness; for packages that keep what they drew, docs/resources/uniqueness.md has a table.`,
    );
    this.collisions = collisions;
  }
}

/**
 * Runs a program, dumps it, restores it several times from the one image, and compares what the copies draw.
 *
 * The program is a module that attaches when it is loaded, as your app does (import the app, with its clients, and no more has to be written), and exports a
 * function `draw()`. It is called in each copy, once everything is rebuilt, and returns, or resolves with, what must be different there: an object of values by their names, for instance
 * `{ session: newSession(), order: await client.order() }`. An array stands for all its elements, bytes and other values for themselves.
 *
 * @param program the module: a URL, or a path from the current directory.
 * @throws {CollisionError} when two copies have a value of the same name in common.
 * @throws {Error} when the program ends, does not attach, or `draw()` throws; with the end of its output.
 * @throws {RangeError} for fewer than two clones.
 * @throws what `dump()` and `restore()` of criu-aware/driver throw.
 * @example
 * ```ts
 * import { expectUniqueAcrossClones } from "criu-aware/testing";
 *
 * await expectUniqueAcrossClones("./tests/my_app_draws.ts", { clones: 5 });
 * ```
 */
export async function expectUniqueAcrossClones(program: string | URL, options: CloneOptions = {}): Promise<void> {
  const { clones = 3, ignore = [], timeoutMs = 30_000, criuOptions = {} } = options;
  if (!(Number.isInteger(clones) && clones >= 2)) {
    throw new RangeError(`Cannot compare ${clones} clones: it takes a whole number, 2 or more.`);
  }
  const url = program instanceof URL || /^\w+:/.test(program) ? String(program) : pathToFileURL(program).href;
  const libc = await openLibc();
  const drawer = programCommand(libc.runtime.name, ownModule("./drawer", import.meta.url));
  const command = [...(options.run ?? drawer.slice(0, -1)), drawer.at(-1) as string, url];
  using directory = privateDirectory();
  const draws = await drawInClones({ libc, command, directory: directory.path, clones, criuOptions, timeoutMs });
  const collisions = collisionsOf(draws).filter(({ name }) => !ignore.includes(name));
  if (collisions.length > 0) throw new CollisionError(collisions);
}

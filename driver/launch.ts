import { isAbsolute } from "node:path";
import { UsageError } from "../criu/usage_error.ts";
import { encoder } from "../ffi/bytes.ts";
import { printable } from "../ffi/printable.ts";
import { changedNames } from "../images/identity/env_gate.ts";
import type { Manifest } from "../images/manifest_shape.ts";
import type { LaunchOptions } from "../lifecycle/types.ts";
import type { DriverPage } from "../page/driver_page.ts";
import { texts } from "../page/layout.ts";
import { openAttached } from "./attached.ts";

/** What becomes a C string ends at NUL. */
const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0");
const isMap = (value: unknown, isEntry: (name: string, value: unknown) => boolean): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.entries(value).every(([name, inner]) => isEntry(name, inner));

interface Rule {
  is(value: unknown): boolean;
  readonly what: string;
}

const rules: Readonly<Record<keyof LaunchOptions, Rule>> = {
  env: {
    is: (value) => isMap(value, (name, inner) => /^[^=\0]+$/.test(name) && (inner === null || isText(inner))),
    what: "an object of texts by names without =, or null for one that is to go, all without NUL",
  },
  wholeEnv: { is: (value) => typeof value === "boolean", what: "true or false" },
  args: { is: (value) => Array.isArray(value) && value.every(isText), what: "a list of texts without NUL" },
  cwd: { is: (value) => isText(value) && isAbsolute(value as string), what: "an absolute path" },
  values: { is: (value) => isMap(value, (_, inner) => isText(inner)), what: "an object of texts without NUL by names" },
};

const NO_TAKER =
  "no process says that it acts on a launch: register environment() of criu-aware/resources/environment in the app, or a resource " +
  "with takesLaunch";

/**
 * The text that a launch travels as. What is in it is never said: it may be a secret.
 * @throws {UsageError} for a launch that is none, or too long.
 */
export function encodeLaunch(launch: LaunchOptions): string {
  if (!isMap(launch, () => true)) throw new UsageError("A launch must be an object.");
  for (const [name, value] of Object.entries(launch)) {
    if (!Object.hasOwn(rules, name)) {
      throw new UsageError(`There is no launch.${printable(name)}: there are ${Object.keys(rules).join(", ")}.`);
    }
    const { is, what } = rules[name as keyof LaunchOptions];
    if (value !== undefined && !is(value)) throw new UsageError(`launch.${name} must be ${what}.`);
  }
  const text = JSON.stringify(launch);
  const { length } = encoder.encode(text);
  if (length <= texts.launch.bytes) return text;
  throw new UsageError(
    `The launch is too long: it has ${length} bytes as JSON, and may have ${texts.launch.bytes}. Hand over the path of a file instead.`,
  );
}

/**
 * What a manifest already says against a launch.
 * @throws {UsageError} when no app of the dump acts on one, or one of its variables decides what the image is.
 */
export function requireTaker({ apps, envGate }: Manifest, { env = {}, wholeEnv = false }: LaunchOptions): void {
  if (!apps.some(({ launch }) => launch)) throw new UsageError(`Cannot restore it with a launch: ${NO_TAKER}.`);
  const given = envGate?.names.filter(({ name }) => wholeEnv || Object.hasOwn(env, name)) ?? [];
  const changed = envGate ? changedNames({ ...envGate, names: given }, env) : [];
  if (changed.length === 0) return;
  throw new UsageError(
    `Cannot restore it with another value of ${changed.map((name) => printable(name)).join(", ")}: the app has said that it cannot take ` +
      "one (envGate). Start it anew.",
  );
}

/**
 * Leaves a launch on the page of every attached process of a restored tree, of which nothing runs yet.
 * @throws {UsageError} when one would not get it, or none acts on it.
 */
export async function leaveLaunch(root: number, text: string): Promise<void> {
  using opened = new DisposableStack();
  const pages = await openAttached(root);
  for (const page of pages) opened.use(page);
  leaveLaunchOn(pages, text);
}

/** The same for pages that are open. */
export function leaveLaunchOn(pages: readonly DriverPage[], text: string): void {
  const awake = pages.find((page) => page.status().state !== "held");
  if (awake) {
    throw new UsageError(
      `Cannot hand a launch to process ${awake.pid}: it was not held when it was dumped, so nothing tells it that it was restored. ` +
        "Dump it with criu-aware.",
    );
  }
  if (!pages.some((page) => page.document()?.launch)) throw new UsageError(`Cannot hand over a launch: ${NO_TAKER}.`);
  for (const page of pages) page.leaveLaunch(text);
}

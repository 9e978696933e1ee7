import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "../../criu/usage_error.ts";
import { encodeLaunch } from "../../driver/launch.ts";
import type { Launch, LaunchOptions } from "../../lifecycle/types.ts";
import { readLaunch } from "../../page/launch.ts";
import type { Border } from "./border.ts";
import { orError } from "./expect.ts";
import { altered, json, jsonText, wholeText } from "./inputs.ts";

const value = wholeText().map((text) => text.replaceAll("\0", ""));
const name = value.map((text) => `N${text.replaceAll("=", "")}`);
const map = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.array(fc.tuple(fc.oneof(name, fc.constant("__proto__")), value), { maxLength: 4 }).map(Object.fromEntries);

/** What a driver may hand over. */
export const launches: fc.Arbitrary<LaunchOptions> = fc.record(
  {
    env: map(fc.option(value)),
    wholeEnv: fc.boolean(),
    args: fc.array(value, { maxLength: 4 }),
    cwd: value.map((text) => `/${text}`),
    values: map(value),
  },
  { requiredKeys: [] },
);

/** A launch: as it is given to a driver, and as it stands on a page. */
export const launch: Border = {
  name: "launch",
  runs: 3000,
  open: () =>
    fc.property(
      fc.oneof(
        fc.record({ text: jsonText(fc.oneof(altered(launches), json(["env", "args", "cwd", "values", "wholeEnv"]))) }),
        fc.record({ launch: fc.oneof(launches, altered(launches), json()) }),
      ),
      (given) => {
        if ("text" in given) return isLaunch(() => readLaunch(given.text));
        const text = orError(() => encodeLaunch(given.launch as LaunchOptions), UsageError);
        if (text === undefined) return;
        assert.deepEqual(readLaunch(text), JSON.parse(text));
        isLaunch(() => readLaunch(text));
      },
    ),
};

const isText = (value: unknown): boolean => typeof value === "string";
const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads a launch: it is one, or an error that says nothing of it. */
export function isLaunch(read: () => Launch): void {
  let found: Launch;
  try {
    found = read();
  } catch (error) {
    assert.equal((error as Error).message, "what the driver handed over is damaged");
    assert.equal((error as Error).cause, undefined);
    return;
  }
  assert.ok(isObject(found));
  const { env = {}, wholeEnv = false, args = [], cwd = "", values = {} } = found;
  assert.ok(isObject(env) && Object.values(env).every((value) => value === null || isText(value)));
  assert.ok(isObject(values) && Object.values(values).every(isText));
  assert.ok(Array.isArray(args) && args.every(isText));
  assert.ok(isText(cwd) && typeof wholeEnv === "boolean");
}

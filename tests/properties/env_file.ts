import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { readEnvFile } from "../../cli/env_file.ts";
import { type LaunchFlags, readLaunchFlags } from "../../cli/launch_flags.ts";
import { UsageError } from "../../criu/usage_error.ts";
import { encodeLaunch } from "../../driver/launch.ts";
import { readLaunch } from "../../page/launch.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import type { Border } from "./border.ts";
import { orError } from "./expect.ts";
import { damaged, text, wholeText } from "./inputs.ts";

/** Stands in every value: no error may say it. */
const SECRET = "s3cret";

const name = fc.string({ unit: fc.constantFrom(..."AZaz09_.é"), minLength: 1, maxLength: 12 });
const secretValue = wholeText().map((text) => `${text}${SECRET}${text}`.replaceAll("\0", ""));
const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
const quoted = (value: string): string => `"${value.replace(/[\n\r\t"\\]/g, (letter) => escapes[letter] as string)}"`;

const line = fc.oneof(
  fc.tuple(name, secretValue).map(([name, value]) => `${name}=${quoted(value)}`),
  fc.tuple(name, text()).map(([name, text]) => `export ${name} = '${SECRET}${text}' # more`),
  fc.tuple(text(10), text()).map(([name, text]) => `${name}=${text}${SECRET}`),
  fc
    .tuple(fc.constantFrom(" ", "#", "\t #", '\\"', "a ", "="), fc.nat(60_000))
    .map(([part, times]) => `A=${part.repeat(times)}"${SECRET}`),
  fc.constantFrom("", "# s3cret", "  ", "="),
);
const file = fc.array(line, { maxLength: 4 }).map((lines) => new TextEncoder().encode(lines.join("\n")));

/** A file of environment variables. */
export const envFile: Border = {
  name: "env-file",
  runs: 1000,
  open(cleanup) {
    const directory = temporaryDirectory();
    cleanup.defer(() => directory[Symbol.dispose]());
    const path = join(directory.path, "env");
    const variables = fc.array(fc.tuple(name, secretValue), { maxLength: 5 });
    return fc.property(fc.oneof(file, damaged(file)), variables, (bytes, variables) => {
      writeFileSync(path, bytes);
      isVariables(saysNothing(() => readEnvFile(path)) ?? []);
      writeFileSync(path, variables.map(([name, value]) => `${name}=${quoted(value)}\r\n`).join(""));
      assert.deepEqual(readEnvFile(path), variables);
    });
  },
};

function isVariables(found: readonly (readonly [string, string])[]): void {
  for (const [name, value] of found) {
    assert.match(name, /^[^\s=#]+$/);
    assert.equal(typeof value, "string");
  }
}

/** What `read` returns; an error says no value. */
function saysNothing<T>(read: () => T): T | undefined {
  return orError(() => {
    try {
      return read();
    } catch (error) {
      assert.ok(!(error as Error).message.includes(SECRET), "an error says a value");
      throw error;
    }
  }, UsageError);
}

const pairs = fc.array(
  fc.oneof(
    fc.tuple(name, text()).map(([name, text]) => `${name}=${text}${SECRET}`),
    text(10),
    fc.constantFrom("PATH", "toString", "constructor", "__proto__", "__proto__=s3cret", "=s3cret"),
  ),
  { maxLength: 3 },
);
const flags: fc.Arbitrary<LaunchFlags> = fc.record(
  {
    env: pairs,
    unsetEnv: fc.array(fc.oneof(name, text(8)), { maxLength: 2 }),
    cwd: text(20),
    set: pairs,
  },
  { requiredKeys: [] },
);

/** The command line of a launch. */
export const launchFlags: Border = {
  name: "launch-flags",
  runs: 3000,
  open: () =>
    fc.property(flags, fc.array(text(), { maxLength: 3 }), (flags, args) => {
      const launch = saysNothing(() => readLaunchFlags(flags, args));
      if (!launch) return;
      for (const name of Object.keys(launch.env ?? {})) assert.ok(Object.hasOwn(launch.env as object, name));
      const isText = (value: unknown): boolean => value === null || typeof value === "string";
      assert.ok(Object.values(launch.env ?? {}).every(isText));
      const encoded = saysNothing(() => encodeLaunch(launch));
      if (encoded !== undefined) assert.deepEqual(readLaunch(encoded), JSON.parse(JSON.stringify(launch)));
    }),
};

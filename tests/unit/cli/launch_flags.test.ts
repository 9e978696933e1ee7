import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readEnvFile } from "../../../cli/env_file.ts";
import { readLaunchFlags } from "../../../cli/launch_flags.ts";
import { UsageError } from "../../../criu/usage_error.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

function withFile<T>(text: string | Uint8Array, use: (path: string) => T): T {
  using directory = temporaryDirectory();
  const path = join(directory.path, "env");
  writeFileSync(path, text);
  return use(path);
}

test("a file of variables is read line by line, in quotes or not", () => {
  const text = [
    "# a comment",
    "",
    "PLAIN=a b c  # said of it",
    "  export  SPACED = x ",
    "EMPTY=",
    `SINGLE='a "b" # c\\n'`,
    `DOUBLE="a \\"b\\"\\n# c" # said of it`,
    "URL=postgres://u:p@h/db?x=1#part",
    "CRLF=x\r",
    "__proto__=x",
  ].join("\n");
  assert.deepEqual(withFile(text, readEnvFile), [
    ["PLAIN", "a b c"],
    ["SPACED", "x"],
    ["EMPTY", ""],
    ["SINGLE", 'a "b" # c\\n'],
    ["DOUBLE", 'a "b"\n# c'],
    ["URL", "postgres://u:p@h/db?x=1#part"],
    ["CRLF", "x"],
    ["__proto__", "x"],
  ]);
});

test("a line that is none, a quote without an end, a file that cannot be read or is too long are errors that tell no value", () => {
  const usage = (pattern: RegExp) => (error: unknown) =>
    error instanceof UsageError && pattern.test(error.message) && !/s3cret/.test(error.message);
  assert.throws(() => withFile("A=1\ns3cret\n", readEnvFile), usage(/^Line 2 of .*env is no NAME=VALUE/));
  assert.throws(() => withFile("A='s3cret", readEnvFile), usage(/^Line 1 of/));
  assert.throws(() => withFile('A="s3cret" more', readEnvFile), usage(/^Line 1 of/));
  assert.throws(() => withFile(new Uint8Array(300_000).fill(97), readEnvFile), usage(/too long: it may have 262144/));
  assert.throws(
    () => readEnvFile("/no/such/file"),
    usage(/^Cannot read the environment file \/no\/such\/file: ENOENT/),
  );
  assert.throws(() => readEnvFile("/"), usage(/^Cannot read the environment file \/: /));
});

test("the options of a launch are read in the order file, variable, removal, and errors tell no value", () => {
  process.env.LAUNCH_FLAG = "inherited";
  const launch = withFile("A=file\nB=file\nC=file\n", (path) =>
    readLaunchFlags(
      { envFile: [path], env: ["B=given=1", "LAUNCH_FLAG"], unsetEnv: ["C"], cwd: ".", set: ["key=a=b"] },
      ["--x"],
    ),
  );
  delete process.env.LAUNCH_FLAG;
  assert.deepEqual(launch, {
    env: { A: "file", B: "given=1", LAUNCH_FLAG: "inherited", C: null },
    args: ["--x"],
    cwd: process.cwd(),
    values: { key: "a=b" },
  });
  assert.equal(readLaunchFlags({}, []), undefined);
  assert.throws(() => readLaunchFlags({ env: ["=s3cret"] }, []), { message: "--env must have the form NAME=VALUE." });
  assert.throws(() => readLaunchFlags({ set: ["s3cret"] }, []), { message: "--set must have the form NAME=VALUE." });
  assert.throws(
    () => readLaunchFlags({ env: ["NO_SUCH_NAME_HERE"] }, []),
    /from your environment, where there is none/,
  );
});

/** How a subcommand that fails says so, whatever was thrown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { startProgram, startScript } from "../../support/child.ts";
import { cli } from "../../support/cli.ts";
import { runCommand } from "../../support/runtimes.ts";

interface Failed {
  readonly error: { readonly message: string; readonly exitCode: number };
  readonly exitCode: number;
  readonly err: string;
}

/** Fails with what each expression gives, and returns what was printed. */
async function failing(...expressions: string[]): Promise<Failed[]> {
  await using child = startScript("failing_command.ts", "true", ...expressions);
  const { code, stdout, stderr } = await child.ended;
  assert.equal(code, 0, stderr);
  const lines = stdout.trimEnd().split("\n");
  const errs = stderr.split(/^criu-aware test: /m).slice(1);
  return expressions.map((_, i) => ({
    error: JSON.parse(lines[2 * i] as string).error,
    exitCode: Number(lines[2 * i + 1]),
    err: errs[i] as string,
  }));
}

test("a failure is its reasons on stderr and one JSON value on stdout, without stacks and source, whatever was thrown", async () => {
  const cases: [expression: string, code: number, message: string][] = [
    ["new Error('plain')", 1, "plain"],
    ["new UsageError('wrong')", 2, "wrong"],
    [
      "new DumpRefusedError([{ pid: 7, reasons: ['busy', 'late'] }])",
      3,
      "The dump is refused, every app goes on:\n  process 7: busy\n  process 7: late",
    ],
    ["new SuppressedError(new Error('closing'), new UsageError('first'))", 2, "first"],
    ["new AggregateError([new Error('one'), new Error('two')])", 1, "one; two"],
    ["new AggregateError([new Error('one')], 'both')", 1, "both"],
    ["Object.assign(new Error('big'), { size: 5n })", 1, "big"],
    ["new Error('why', { cause: new Error('deep') })", 1, "why"],
    ["'a text'", 1, "a text"],
    ["undefined", 1, "undefined"],
    ["null", 1, "unknown error"],
    ["({})", 1, "unknown error"],
    ["new DOMException('Cancelled.', 'AbortError')", 130, "Cancelled."],
  ];
  const failed = await failing(...cases.map(([expression]) => expression));
  for (const [i, [expression, code, message]] of cases.entries()) {
    const { error, exitCode, err } = failed[i] as Failed;
    assert.equal(err, `${message}\n`, expression);
    assert.deepEqual([exitCode, error.exitCode, error.message], [code, code, message]);
  }
});

test("what is longer than anybody reads is cut for people, and whole with --json", async () => {
  const many = "new Error(Array.from({ length: 5000 }, (_, i) => 'reason ' + i).join('\\n'))";
  const [lines, long] = await failing(many, "new Error('x'.repeat(1_000_000))");
  const shown = String(lines?.err).trimEnd().split("\n");
  assert.deepEqual([shown.length, shown.at(-1)], [101, "  and 4900 more; --json shows all"]);
  assert.ok(Number(long?.err.length) < 5_000);
  assert.equal(long?.error.message.length, 1_000_000);
});

test("on a terminal a long line is broken between words at 80 columns, elsewhere it is one", async () => {
  const command = [...runCommand["Deno" in globalThis ? "deno" : "bun"], cli, "status", String(process.pid)];
  const { stdout } = await startProgram("script", ["-qc", command.join(" "), "/dev/null"]).ended;
  const lines = stripVTControlCharacters(stdout)
    .trim()
    .split(/[\r\n]+/);
  assert.ok(lines.length > 1 && lines.every((line) => line.length <= 80), stdout);
  assert.match(lines.join("").replace(/ +/g, " "), /^criu-aware status: Process \d+ is not attached: .* its user\.$/);
  const { stderr } = await startProgram(command[0] as string, command.slice(1)).ended;
  assert.equal(stderr.trim().split("\n").length, 1);
});

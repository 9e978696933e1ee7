/**
 * Runs all tests, the same unit tests in both runtimes, and ends with the true totals:
 * `bun tests/run.ts [NAME …]` runs only the suites named.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { reapOrphans } from "./support/reap.ts";

const root = join(import.meta.dirname as string, "..");
const reports = join(root, "reports");
const bin = (name: string): string => join(root, "node_modules/.bin", name);

const bun = (folder: string) => (report: string) => [
  bin("bun"),
  "test",
  `./tests/${folder}/`,
  "--timeout=60000",
  "--reporter=junit",
  `--reporter-outfile=${report}`,
];
const deno = (folder: string) => (report: string) => [
  bin("deno"),
  "test",
  "--allow-all",
  "--no-check",
  `--junit-path=${report}`,
  `tests/${folder}/`,
];

const suites: Record<string, (report: string) => string[]> = {
  "unit-bun": bun("unit"),
  "unit-deno": deno("unit"),
  criu: bun("criu"),
  faults: bun("faults"),
};

const wanted = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
let ok = true;
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports);

let suite: ChildProcess | undefined;
if (process.platform === "linux") await reapOrphans(() => suite?.pid);

for (const [name, command] of Object.entries(suites)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const report = join(reports, `${name}.xml`);
  const [program, ...args] = command(report) as [string, ...string[]];
  console.log(`\n== ${name}`);
  const status = await run(program, args);
  const counts = count(existsSync(report) ? readFileSync(report, "utf8") : "");
  // A runner that died reports less than it found.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.passed + counts.failed + counts.skipped === 0) counts.failed = 1;
  // Where CRIU must work, a skipped test is no success.
  if (["criu", "faults"].includes(name) && counts.skipped > 0 && process.env.CI) {
    console.error(`${counts.skipped} tests with CRIU were skipped, and CI must run them all`);
    ok = false;
  }
  for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
}

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
// What is still being waited for must not hold this process.
process.exit(ok && total.failed === 0 ? 0 : 1);

function run(program: string, args: readonly string[]): Promise<number | null> {
  suite = spawn(program, args, { cwd: root, stdio: "inherit" });
  return new Promise((resolve, reject) => suite?.once("error", reject).once("exit", resolve));
}

/** Counts the test cases of a JUnit report. */
function count(xml: string): typeof total {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (attributes === "") continue;
    if (/<(failure|error)\b/.test(body)) counts.failed++;
    else if (/<skipped\b/.test(body)) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}

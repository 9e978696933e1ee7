/** What the docs say of the code is what the code says. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { criuCure } from "../../criu/locate.ts";
import { flagOf } from "../../criu/options.ts";
import { explain } from "../../driver/failures/explain.ts";
import { both, samples } from "../support/failure_samples.ts";

const root = join(import.meta.dirname as string, "../..");
const page = join(root, "docs/troubleshooting.md");
const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
const pages = ["README.md", ...docs.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

function tableOf(phase: "dump" | "restore", lines: readonly (readonly [line: string, meaning: RegExp])[]): string {
  const rows = lines.map(([line]) => {
    const { meaning, cure, options } = explain([line], phase) ?? assert.fail(line);
    const flags = options.map((option) => `\`${flagOf(option)}\``).join(" or ");
    const advice = cure === criuCure() ? "Get another CRIU: `criu-aware setup`." : cure;
    return [`\`${line.trim()}\``, meaning, `${advice}${flags ? ` Or ${flags}.` : ""}`];
  });
  const text = rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
  return ["| CRIU says | meaning | what to do |", "| --- | --- | --- |", ...text].join("\n");
}

test("the page on CRIU's errors says what the command says (UPDATE_DOCS=1 writes it)", () => {
  const text = readFileSync(page, "utf8");
  const tables = {
    "a dump": tableOf("dump", samples.dump),
    "a restore": tableOf("restore", samples.restore),
    both: tableOf("dump", both),
  };
  let wanted = text;
  for (const [heading, table] of Object.entries(tables)) {
    const section = new RegExp(`(## Errors of ${heading}\\n\\n)[^#]+`);
    assert.match(wanted, section);
    wanted = wanted.replace(section, (_, start) => `${start}${table}\n\n`);
  }
  if (process.env.UPDATE_DOCS) writeFileSync(page, `${wanted.trimEnd()}\n`);
  else assert.equal(text.trimEnd(), wanted.trimEnd());
});

/** A heading as GitHub links to it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

test("every link in the docs leads somewhere", () => {
  const broken: string[] = [];
  for (const from of pages) {
    const text = readFileSync(join(root, from), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? join(root, from) : join(root, dirname(from), path);
      const headings = existsSync(file) ? [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)] : undefined;
      const isThere =
        headings && (anchor === undefined || headings.some(([, heading = ""]) => anchorOf(heading) === anchor));
      if (!isThere) broken.push(`${from}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

import { type Command, Option } from "commander";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import type { Finding, FoundPlace, Images, Manifest } from "../images/mod.ts";
import { exitCodes } from "./exit_codes.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { subcommand } from "./subcommand.ts";
import { bytes, count, duration } from "./units.ts";
import { type FindFlags, wantedText } from "./wanted_text.ts";

/** `criu-aware images` */
export function images(): Command {
  return subcommand("images", "show what a dump holds, search in it, or compare two", [
    "criu-aware images images",
    "criu-aware images images --find 'a text'",
    "criu-aware images images --find - < secret.txt",
    "criu-aware images images --find-file secret.txt",
    "criu-aware images monday tuesday",
  ])
    .argument("<dir>", "where the images are")
    .argument("[other]", "compare with these")
    .addOption(new Option("--find <text>", "is this text in the images? -: read it from stdin").conflicts("findFile"))
    .option("--find-file <file>", "is the text of this file in the images?")
    .addHelpText(
      "after",
      `
--find and --find-file: exit code 1 when the text is not there. A secret does
not belong into an argument, which every user of this host sees in ps: let it
be read from stdin or a file. It is not printed.`,
    )
    .action(reporting(runImages));
}

async function runImages(directory: string, other: string | undefined, flags: FindFlags): Promise<Report> {
  const wanted = wantedText(flags);
  if (wanted !== undefined) {
    if (other === undefined) return search(directory, wanted);
    throw new UsageError("Cannot compare and search at once: give one directory, or leave out --find.");
  }
  const { readImages } = await import("../images/mod.ts");
  const found = readImages(directory);
  if (other !== undefined) return compare(found, readImages(other));
  const manifest = await manifestOf(directory);
  const { directory: imagesDir, ...facts } = found;
  return { value: { imagesDir, ...facts, manifest }, text: await describe(found, manifest) };
}

async function manifestOf(directory: string): Promise<Manifest | undefined> {
  const { readManifest } = await import("../images/mod.ts");
  try {
    return readManifest(directory);
  } catch {
    return undefined;
  }
}

async function describe(images: Images, manifest: Manifest | undefined): Promise<string> {
  const { table } = await import("./table.ts");
  const { dump, restore, processes, shared, ghosts } = images;
  const labels = Object.entries(manifest?.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const facts: Record<string, string | undefined> = {
    images: images.directory,
    made: manifest ? `${manifest.createdAt}, CRIU ${manifest.criu ?? "unknown"}` : "no manifest: by somebody else",
    labels: labels.length > 0 ? labels.join(", ") : undefined,
    machine: images.arch,
    size: `${bytes(images.bytes)} in ${count(images.files.length, "file")}`,
    "based on": images.parent,
    frozen: dump && `${duration(dump.frozenMs)}, after ${duration(dump.freezingMs)} to stop all threads`,
    memory: dump && `${bytes(dump.pagesWritten * images.pageBytes)} written in ${duration(dump.memwriteMs)}`,
    restored: restore && `in ${duration(restore.restoreMs)}`,
    shared:
      shared.length > 0
        ? shared.map(({ kind, name, bytes: size }) => `${name ?? kind} ${bytes(size)}`).join(", ")
        : undefined,
    deleted: ghosts.length > 0 ? ghosts.map(({ path, bytes: size }) => `${path} ${bytes(size)}`).join(", ") : undefined,
  };
  const lines = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [`${paint("dim", name.padEnd(9))} ${printable(value)}`],
  );
  const rows = processes.map(({ pid, parent, name, threads, memory, descriptors }) => [
    pid,
    parent || "-",
    printable(name),
    threads.length,
    bytes(memory.imageBytes),
    descriptors.length,
  ]);
  return [...lines, "", await table(["pid", "parent", "name", "threads", "memory", "descriptors"], rows)].join("\n");
}

async function search(directory: string, text: string): Promise<Report> {
  const { findInImages } = await import("../images/mod.ts");
  const findings = await findInImages(directory, text);
  const total = findings.reduce((sum, { count }) => sum + count, 0);
  const verdict =
    total === 0
      ? "Not found. That is no proof: memory may hold a text in pieces, encoded or encrypted."
      : `Found ${count(total, "time")} in ${count(findings.length, "place")}.`;
  return {
    value: findings.map((finding) => ({ ...finding, places: finding.places.map(plain) })),
    text: [...findings.map(asText), ...(total > 0 ? [""] : []), verdict].join("\n"),
    exitCode: total > 0 ? exitCodes.done : exitCodes.failed,
  };
}

/** JSON has no bigint. */
function plain({ address, ...place }: FoundPlace): object {
  return { ...place, ...(address === undefined ? {} : { address: hex(address) }) };
}

function asText({ file, encoding, count: times, places }: Finding): string {
  const lines = places.map(({ pid, sharedId, address, offset }) => {
    const owner = pid !== undefined ? `process ${pid}` : sharedId !== undefined ? `shared memory ${sharedId}` : "";
    return `  ${owner === "" || address === undefined ? `offset ${offset}` : `${owner} at ${hex(address)}`}`;
  });
  const more = times > places.length ? [`  and ${times - places.length} more`] : [];
  return [`${paint("bold", printable(file))}: ${count(times, "time")} as ${encoding}`, ...lines, ...more].join("\n");
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

async function compare(a: Images, b: Images): Promise<Report> {
  const { compareImages } = await import("../images/mod.ts");
  const { table } = await import("./table.ts");
  const differences = compareImages(a, b);
  const rows = differences.map(({ subject, what, a, b }) => {
    const [first, second] = [withUnit(what, a), withUnit(what, b)];
    // Rounded they may be the same.
    const values = first === second ? [printable(a ?? "-"), printable(b ?? "-")] : [first, second];
    return [printable(subject), what.replace(/ ms$/, ""), ...values];
  });
  return {
    value: differences,
    text: rows.length === 0 ? "They do not differ." : await table(["", "", "first", "second"], rows),
  };
}

/** A value of a comparison for people; `what` names its unit. */
function withUnit(what: string, value: number | string | undefined): string {
  if (typeof value !== "number") return printable(value ?? "-");
  return / ms$/.test(what) ? duration(value) : /\bbytes\b|^memory\b/.test(what) ? bytes(value) : String(value);
}

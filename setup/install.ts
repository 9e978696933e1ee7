import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { checkoutTools } from "../criu/places.ts";
import { lockDirectory } from "../ffi/directory_lock.ts";
import { openLibc } from "../ffi/libc.ts";
import { makeExclusiveDirectory } from "../ffi/own_directory.ts";
import { printable } from "../ffi/printable.ts";
import { UntrustedPathError } from "../ffi/trusted_path.ts";
import { commandLine } from "../package/invocation.ts";
import { shippedText } from "../package/shipped.ts";
import { DEBIAN_IMAGE, otherWays, setupAgain } from "./other_ways.ts";
import { SetupError } from "./setup_error.ts";
import type { Tool } from "./tools.ts";
import { type Source, unpack } from "./unpack.ts";

/** Where the tools lie, in the directory of a prefix: the names that users see are links into it. */
const STORE = ".criu-aware";

/** A directory for tools, locked for this process until disposal. */
export interface Prefix extends Disposable {
  readonly path: string;
}

/**
 * Makes a directory for tools ready to be written to.
 * @throws {SetupError} when somebody else could replace what is in it, another set-up is at work there, or it cannot be made.
 */
export async function openPrefix(wanted: string): Promise<Prefix> {
  try {
    const path = makePrefix(resolve(wanted));
    const lock = lockDirectory(await openLibc(), path);
    if (!lock) throw new SetupError(`Another set-up is at work in ${printable(path)}: wait until it has ended.`);
    return { path, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const { message } = error as Error;
    const cures = [`Name another directory: ${commandLine(["setup", "--prefix", "DIR"])}`];
    if (error instanceof UntrustedPathError)
      cures.push(`or let nobody else write there: ls -ld ${printable(error.file)}`);
    throw new SetupError(`Cannot unpack anything in ${printable(wanted)}: ${printable(message)}.`, cures);
  }
}

function makePrefix(path: string): string {
  // What may change a checkout may change this code as well.
  if (path === checkoutTools()) {
    mkdirSync(join(path, STORE), { recursive: true });
    return path;
  }
  // A sticky one, too: what is unpacked there is started, and may have been put there by anybody.
  const own = makeExclusiveDirectory(path, 0o755);
  makeExclusiveDirectory(join(own.path, STORE), 0o755);
  return own.path;
}

/**
 * Unpacks a tool below a prefix, in the place of the one that may be there: its name is a symbolic link, which changes at once when all
 * is done. What an interrupted set-up has left is removed by the next one.
 *
 * @throws {SetupError} when it cannot be unpacked; nothing has changed then.
 */
export async function install(tool: Tool, prefix: Prefix, source: Source, signal: AbortSignal): Promise<void> {
  const link = join(prefix.path, tool.name);
  requireOurs(link);
  const store = join(prefix.path, STORE);
  sweep(store, link);
  const fresh = mkdtempSync(join(store, `${tool.name}-`));
  try {
    await unpackOrSay(tool, prefix.path, fresh, source, signal);
    if (tool.start) {
      mkdirSync(join(fresh, "bin"));
      writeFileSync(join(fresh, "bin", tool.name), await shippedText(tool.start));
      for (const made of ["bin", join("bin", tool.name)]) chmodSync(join(fresh, made), 0o755);
    }
    chmodSync(fresh, 0o755);
    if (tool.start) requireStart(tool, join(fresh, "bin", tool.name));
    point(link, fresh);
  } finally {
    sweep(store, link);
  }
}

async function unpackOrSay(
  tool: Tool,
  place: string,
  directory: string,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  try {
    await unpack(tool, directory, source, signal);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const image = `An image of Debian is needed: ${setupAgain(tool, place, "--from-image", DEBIAN_IMAGE)}`;
    const cures = source === "apt" ? otherWays(tool, error.message, place) : [image];
    throw new SetupError(`Cannot unpack ${tool.title}: ${error.message}`, cures);
  }
}

/** What is of another machine, or not whole, must not replace what works. */
function requireStart({ title }: Tool, program: string): void {
  try {
    execFileSync(program, ["--version"], { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new SetupError(`Cannot unpack ${title}: what was unpacked does not start: ${printable(stderr || message)}`);
  }
}

/** @throws {SetupError} when somebody else's file has the name of the tool. */
function requireOurs(link: string): void {
  const stat = lstatSync(link, { throwIfNoEntry: false });
  if (!stat || keptBy(link) !== undefined || isOlderSetup(link)) return;
  const cure = `Name another directory: ${commandLine(["setup", "--prefix", "DIR"])}`;
  throw new SetupError(`Cannot unpack anything as ${printable(link)}: something else has that name.`, [cure]);
}

/** A checkout of before there were links. */
function isOlderSetup(link: string): boolean {
  return dirname(link) === checkoutTools() && lstatSync(link).isDirectory();
}

/** The name of the directory in the store that a link of ours leads to; undefined for anything else. */
function keptBy(link: string): string | undefined {
  if (!lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
  const target = readlinkSync(link);
  return dirname(target) === STORE ? basename(target) : undefined;
}

/** Makes `link` lead to `directory`: whole or not at all. Relative, so that all of it can be moved. */
function point(link: string, directory: string): void {
  const temporary = `${directory}.link`;
  symlinkSync(join(STORE, basename(directory)), temporary);
  if (lstatSync(link, { throwIfNoEntry: false })?.isDirectory()) renameSync(link, `${directory}.old`);
  renameSync(temporary, link);
}

/** Removes from the store all of a tool that its link does not lead to. */
function sweep(store: string, link: string): void {
  const kept = keptBy(link);
  for (const entry of readdirSync(store)) {
    if (entry.startsWith(`${basename(link)}-`) && entry !== kept) {
      rmSync(join(store, entry), { recursive: true, force: true });
    }
  }
}

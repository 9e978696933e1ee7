/** What every cell is checked for, whatever its fault. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { CriuError, DumpRefusedError, rpc, UsageError } from "criu-aware/driver";
import { PageError } from "../../page/errors.ts";
import { sleep } from "../support/time.ts";
import type { Expected } from "./kinds.ts";
import type { End, Scene } from "./scene.ts";

/** How long what belongs to a checkpoint may stay: a runtime closes when it likes. */
const SETTLES_MS = 5_000;

/** The error is of a class that callers can tell, and says what happened and what to do. */
export function checkError({ error }: End, expected: RegExp, what: string): void {
  assert.ok(error, `the ${what} was done`);
  const isTyped = [CriuError, DumpRefusedError, PageError, UsageError].some(
    (type) => error instanceof type || error.name === type.name,
  );
  assert.ok(isTyped, `an error of no class of ours: ${error.stack}`);
  assert.match(error.message, expected);
  // The log stays for people to look at; it is looked at.
  const { logFile } = error as { logFile?: string };
  if (logFile) rmSync(dirname(logFile), { recursive: true, force: true });
}

/** A dump that was not done leaves nothing that could be taken for one. */
export function checkNoImages(scene: Scene): void {
  if (!existsSync(scene.imagesDir)) return;
  const left = readdirSync(scene.imagesDir).filter((name) => /\.img$|^criu-aware/.test(name));
  assert.deepEqual(left, [], "images of a dump that was not done");
}

/** Images of a dump that was not done can still lie there: they have no manifest, and so are not restored unasked. */
export async function checkNotTaken({ imagesDir }: Scene): Promise<void> {
  const ended = await rpc()
    .restore({ imagesDir })
    .catch((error: Error) => error);
  assert.ok(ended instanceof Error, "images of a dump that was not done are restored");
  assert.match(ended.message, /manifest/);
}

/** It runs, every hook that was called before a dump has its other half, and it has never been told twice. */
export async function checkApp({ app }: Scene): Promise<void> {
  await app.goesOn();
  const deadline = Date.now() + SETTLES_MS;
  const state = (): unknown => app.named("tick").at(-1)?.state;
  while (state() !== "running" && Date.now() < deadline) {
    await sleep(20);
    await app.goesOn();
  }
  assert.equal(state(), "running", app.output());
  const ids = (name: string): string[] => app.named(name).map(({ noticeId }) => String(noticeId));
  assert.deepEqual(ids("before"), [...new Set(ids("before"))], "a notice was worked on twice");
  assert.deepEqual(ids("after"), ids("before"), app.output());
}

/** What a process holds of a checkpoint, or could forget to let go: kinds of descriptors and of mappings, counted. */
export interface Holdings {
  readonly [kind: string]: number;
}

const counted = /memfd:|inotify|pidfd|socket:|pipe:|eventfd|\/dev\/shm\/|deleted/;

export function holdingsOf(pid: number | "self"): Holdings {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return [];
    }
  });
  const paths = readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .map((line) => line.split(/\s+/).slice(5).join(" "));
  const kinds = [...links, ...paths.map((path) => `mapped ${path}`)].filter((text) => counted.test(text));
  const holdings: Record<string, number> = {};
  for (const kind of kinds.map((text) => text.replace(/:\[\d+\]/, ""))) holdings[kind] = (holdings[kind] ?? 0) + 1;
  return holdings;
}

/** Nothing more is held than before; to hold less is no leak. */
export async function checkHoldings(
  read: () => Holdings,
  before: Holdings,
  who: string,
  allowed?: RegExp,
): Promise<void> {
  const more = (): string[] =>
    Object.entries(read())
      .filter(([kind, count]) => count > (before[kind] ?? 0) && !allowed?.test(kind))
      .map(([kind, count]) => `${kind}: ${before[kind] ?? 0} → ${count}`);
  const deadline = Date.now() + SETTLES_MS;
  while (more().length > 0 && Date.now() < deadline) await sleep(20);
  assert.deepEqual(more(), [], `${who} holds more than before`);
}

/** Nobody works on this app any more, and nothing lies around. */
export async function checkNothingLeft(scene: Scene, expected: Expected): Promise<void> {
  const { app, directory, placeDirectory } = scene;
  const others = (): string[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== app.pid)
      .filter((pid) => commandOf(pid).includes(directory));
  const deadline = Date.now() + SETTLES_MS;
  while (others().length > 0 && Date.now() < deadline) await sleep(20);
  assert.deepEqual(others().map(commandOf), [], "processes are left");
  if (!existsSync(placeDirectory) || expected.ends) return;
  assert.deepEqual(
    readdirSync(placeDirectory).filter((name) => name.startsWith(".criu-aware")),
    [],
    "files are left beside the marker",
  );
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

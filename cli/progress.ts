import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isatty } from "node:tty";
import type { Phase } from "../driver/engine.ts";
import { processTree } from "../ffi/process_tree.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { say } from "./report.ts";
import { bytes, duration } from "./units.ts";

/** What there is to show: the bytes that are there of those that are expected. `total` 0 says that nobody knows. */
export interface Amount {
  readonly total: number;
  readonly done: () => number;
}

/** Shows on stderr how long work goes on, until disposal. */
export interface Progress extends Disposable {
  readonly onPhase: (phase: Phase) => void;
  /** Makes room for a line of text; the bar is drawn again below it. */
  readonly makeRoom: () => void;
}

// Most dumps are done before anybody can read a line about them.
const SHOW_AFTER_MS = 500;
const REDRAW_MS = 100;
const LINE_EVERY_MS = 1_000;

/** What goes on after each phase. */
const words: Readonly<Partial<Record<Phase["name"], string>>> = {
  notice: "apps prepare",
  ready: "CRIU dumps",
  frozen: "CRIU finishes",
  dumped: "the manifest is written",
  restoring: "CRIU restores",
  restored: "apps recover",
};

/**
 * A bar on a terminal, a line each second where there is none, nothing for what is done at once: only then is there a look at how much
 * there is to do.
 */
export function showProgress(work: string, look: () => Amount | Promise<Amount>): Progress {
  const started = performance.now();
  const isTerminal = isatty(2);
  let phase = "begins";
  let drawing: Drawing | undefined;
  let isOver = false;
  const stop = (): void => drawing?.stop();
  const begin = async (): Promise<void> => {
    const { total, done } = await look();
    const opened = isTerminal ? await bar(total, done) : lines;
    if (isOver) return;
    drawing = opened;
    const amount = (): string => (total > 0 ? `, ${bytes(Math.min(done(), total))} of ${bytes(total)}` : "");
    const draw = (): void => {
      opened.draw(`${work}: ${phase}, ${duration(performance.now() - started)}${amount()}`);
      timer = setTimeout(draw, isTerminal ? REDRAW_MS : LINE_EVERY_MS);
    };
    draw();
  };
  let timer = setTimeout(() => void begin(), isTerminal ? SHOW_AFTER_MS : LINE_EVERY_MS);
  // A second Ctrl-C ends this process at once, but not with its cursor hidden.
  process.once("exit", stop);
  return {
    onPhase: ({ name }) => {
      phase = words[name] ?? name;
    },
    makeRoom: stop,
    [Symbol.dispose]() {
      isOver = true;
      clearTimeout(timer);
      process.off("exit", stop);
      stop();
    },
  };
}

const lines: Drawing = { draw: say, stop() {} };

interface Drawing {
  draw(text: string): void;
  stop(): void;
}

async function bar(total: number, done: () => number): Promise<Drawing> {
  const { default: progress } = await import("cli-progress");
  const format = total > 0 ? " {bar} {text}" : " {text}";
  const line = new progress.SingleBar({
    format,
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
    linewrap: true,
    gracefulExit: false,
  });
  return {
    draw(text) {
      if (!line.isActive) line.start(Math.max(1, total), 0, { text });
      line.update(Math.min(done(), total), { text });
    },
    stop: () => line.stop(),
  };
}

/** What a restore of these images reads, against the memory of what is below this process: CRIU and the tree that it makes. */
export async function memoryOf(imagesDir: string, trustImages = false): Promise<Amount> {
  const { requireTrustedImages } = await import("../driver/trusted_images.ts");
  const { memoryIn } = await import("../images/memory.ts");
  try {
    if (!trustImages) requireTrustedImages(resolve(imagesDir));
    const below = (): readonly number[] => processTree(process.pid).slice(1);
    return {
      total: memoryIn(resolve(imagesDir)),
      done: () => below().reduce((sum, pid) => sum + ownMemory(pid), 0),
    };
  } catch {
    // The restore says what is wrong with them.
    return { total: 0, done: () => 0 };
  }
}

/** What a dump of the tree of `pid` into `imagesDir` writes: CRIU's files of pages, against the memory that is not backed by files. */
export function pagesOf(pid: number, imagesDir: string): Amount {
  return {
    total: processTree(pid).reduce((sum, member) => sum + ownMemory(member), 0),
    done: () => pagesIn(imagesDir),
  };
}

/** RssAnon and RssShmem of /proc/pid/status, in bytes: proc(5). */
function ownMemory(pid: number): number {
  const lines = readOrEmpty(`/proc/${pid}/status`).matchAll(/^Rss(?:Anon|Shmem):\s*(\d+) kB$/gm);
  return [...lines].reduce((sum, [, kilobytes]) => sum + Number(kilobytes) * 1024, 0);
}

function pagesIn(imagesDir: string): number {
  try {
    return readdirSync(imagesDir)
      .filter((name) => /^pages-\d+\.img$/.test(name))
      .reduce((sum, name) => sum + statSync(join(imagesDir, name)).size, 0);
  } catch {
    return 0;
  }
}

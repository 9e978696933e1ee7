import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { printable } from "../ffi/printable.ts";
import { shippedText } from "../package/shipped.ts";
import { SetupError } from "./setup_error.ts";
import type { Tool } from "./tools.ts";

/** Who runs apt: this system, or a container of an image of Debian's that `program` (podman, docker) starts. */
export type Source = "apt" | { readonly program: string; readonly image: string };

const debian = new URL("./debian.sh", import.meta.url);
/** Lines of what a failed program said that are shown. */
const MOST_LINES = 8;
/** Characters of it that are kept. */
const LONGEST = 10_000;

/**
 * Unpacks a tool into a directory, which is there and empty. What is started ends when `signal` aborts.
 * @throws {SetupError} with what went wrong.
 */
export async function unpack(tool: Tool, directory: string, source: Source, signal: AbortSignal): Promise<void> {
  const script = (await Promise.all([debian, tool.script].map(shippedText))).join("\n");
  if (source === "apt") return await start("sh", ["-c", script, "sh", directory], signal).ended;
  // The container sees nothing of this system: what it has unpacked comes out of its standard output.
  const inside = `exec 3>&1 >&2; set -- "$(mktemp -d)"\n${script}\ntar -c -f - -C "$work" . >&3`;
  const container = start(source.program, ["run", "--rm", source.image, "sh", "-c", inside], signal);
  // Owners inside of an image mean nothing here.
  const tar = start("tar", ["-x", "-o", "-f", "-", "-C", directory], signal);
  const archive = container.child.stdout as Readable;
  const reader = tar.child.stdin as Writable;
  // A tar that ends early says why itself; what the container still sends is read, or it would not be seen to end.
  reader.on("error", () => {}).on("close", () => archive.unpipe(reader).resume());
  archive.pipe(reader);
  const ends = await Promise.allSettled([container.ended, tar.ended]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

function start(program: string, args: readonly string[], signal: AbortSignal): Started {
  signal.throwIfAborted();
  // A process group of its own: what the program starts ends with it.
  const child = spawn(program, args, { stdio: "pipe", detached: true });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said = (said + text).slice(-LONGEST);
  });
  const cancel = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    } catch {
      // It has ended.
    }
  };
  signal.addEventListener("abort", cancel);
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new SetupError(`${program} does not start: ${error.message}`)));
    child.once("close", (code, killed) => {
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve();
      else reject(new SetupError(lastLines(said) || `${program} ended with ${killed ?? code}`));
    });
  });
  return { child, ended: ended.finally(() => signal.removeEventListener("abort", cancel)) };
}

function lastLines(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines
    .slice(-MOST_LINES)
    .map((line) => printable(line))
    .join("\n  ");
}

import { readlinkSync } from "node:fs";
import { drain } from "#reader";
import { AppendMemfd } from "../ffi/append_memfd.ts";
import { cString, encoder } from "../ffi/bytes.ts";
import { fileCalls } from "../ffi/files.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { openPipe } from "../ffi/pipe.ts";
import { hookChannelScript } from "./hook_channel_script.ts";
import type { Run } from "./run.ts";

/** A hook and a pid have a few dozen letters. */
const LONGEST_QUESTION = 64;

/**
 * Lets the action script of hook_channel_script.ts ask this process. CRIU closes the script's standard input and every other descriptor,
 * so it opens our pipes by /proc/pid/fd: no file is left behind, and when this process dies the script reads the end of the
 * pipe. It knows their inodes: a later process of our pid is not asked.
 */
export class HookChannel implements Disposable {
  /** The path of the action script, as long as this process has the channel open. */
  readonly script: string;
  /** For the environment of CRIU. */
  readonly env: Readonly<Record<string, string>>;
  readonly #libc: Libc;
  readonly #descriptors: readonly number[];
  readonly #listening: Disposable;

  private constructor(libc: Libc, hooks: readonly string[], onHook: Run["onHook"]) {
    const question = openPipe(libc);
    const answer = openPipe(libc);
    const reply = async (hook: string, pid: number | undefined): Promise<void> => {
      const text = (await onHook(hook, pid)) ? "go\n" : "no\n";
      fileCalls(libc).write(answer.write, cString(text), text.length);
    };
    this.#libc = libc;
    const script = openScript(libc);
    this.script = `/proc/${process.pid}/fd/${script}`;
    this.#descriptors = [question.read, question.write, answer.read, answer.write, script];
    this.env = {
      CRIU_AWARE_DRIVER: [process.pid, question.write, inode(question.write), answer.read, inode(answer.read)].join(
        " ",
      ),
      CRIU_AWARE_HOOKS: hooks.join(" "),
    };
    this.#listening = drain(
      libc,
      question.read,
      readQuestions((hook, pid) => void reply(hook, pid)),
    );
  }

  /** Opens a channel for the hooks named; at all others CRIU goes on unasked. */
  static async open(hooks: readonly string[], onHook: Run["onHook"]): Promise<HookChannel> {
    return new HookChannel(await openLibc(), hooks, onHook);
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
    for (const descriptor of this.#descriptors) this.#libc.close(descriptor);
  }
}

/**
 * Reads what the script asks, in whatever pieces it comes: a line each, with a hook, and a pid where CRIU says one. A line that is none
 * gets no answer: the next one that asks would take it for its own.
 */
export function readQuestions(ask: (hook: string, pid: number | undefined) => void): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  let rest = "";
  return (bytes) => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = (lines.pop() as string).slice(0, LONGEST_QUESTION);
    for (const line of lines) {
      const [, hook, pid] = /^([\w-]+) ?(\d{0,10})$/.exec(line) ?? [];
      if (hook !== undefined && line.length < LONGEST_QUESTION) ask(hook, Number(pid) || undefined);
    }
  };
}

/** Nothing is open for writing: execve(2) runs no such file (ETXTBSY). */
function openScript(libc: Libc): number {
  using file = AppendMemfd.create(libc, "criu-aware-hook");
  file.write(encoder.encode(hookChannelScript));
  return file.openToRead();
}

/** The number in the name of a pipe: proc_pid_fd(5). */
function inode(pipe: number): string {
  return readlinkSync(`/proc/self/fd/${pipe}`).replace(/\D/g, "");
}

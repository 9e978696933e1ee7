import { fstatSync, write } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AppendMemfd } from "../ffi/append_memfd.ts";
import { descriptorLinks } from "../ffi/descriptor_links.ts";
import type { Libc } from "../ffi/libc.ts";
import { printable } from "../ffi/printable.ts";
import { processTree } from "../ffi/process_tree.ts";
import { say } from "./report.ts";

/** The memfds that a program writes to, by name; `both` where its two streams have one place, so that their order stays. */
const names = { stdout: "criu-aware-stdout", stderr: "criu-aware-stderr", both: "criu-aware-output" } as const;
const ours = /^\/memfd:criu-aware-(stdout|stderr|output) \(deleted\)$/;
/** More than a program and what it starts have; each costs this process descriptors. */
const MOST_STREAMS = 16;

/** The descriptors of this process where the output of a program goes. */
export interface Targets {
  readonly stdout: number;
  readonly stderr: number;
}

/**
 * Passes the output of a program on, as it comes, from a process that is no part of its tree. The program writes to memfds: CRIU puts
 * them into the image, so that it can be restored anywhere, by anybody. The other end of a pipe would not be there, and a file
 * would have to be. What was passed on gives its memory back.
 */
export class OutputRelay {
  readonly #libc: Libc;
  readonly #targets: Targets;
  readonly #streams: Stream[] = [];
  #hasFailed = false;

  constructor(libc: Libc, targets: Targets) {
    this.#libc = libc;
    this.#targets = targets;
  }

  /** Makes what a new program writes to: descriptors for its stdout and its stderr, to be closed once it has them. */
  open(): readonly [stdout: number, stderr: number] {
    const { stdout, stderr } = this.#targets;
    if (isOneFile(stdout, stderr)) {
      const fd = this.#add(AppendMemfd.create(this.#libc, names.both), stdout).openToAppend();
      return [fd, fd];
    }
    const [out, err] = [
      this.#add(AppendMemfd.create(this.#libc, names.stdout), stdout),
      this.#add(AppendMemfd.create(this.#libc, names.stderr), stderr),
    ];
    return [out.openToAppend(), err.openToAppend()];
  }

  /**
   * Takes over the streams of a restored tree that does not run yet. What is in them already was passed on by the one that had them
   * before the dump. Anything may have the name of a stream: what is none is left alone.
   */
  adopt(root: number): void {
    const known = new Set<number>();
    for (const { path, stream } of streamsOf(root)) {
      const file = this.#openStream(path);
      if (!file) continue;
      const { inode, bytes } = file.stat();
      if (known.has(inode) || known.size === MOST_STREAMS) {
        file[Symbol.dispose]();
        continue;
      }
      known.add(inode);
      this.#add(file, stream === "stderr" ? this.#targets.stderr : this.#targets.stdout, bytes);
    }
  }

  #openStream(path: string): AppendMemfd | undefined {
    try {
      return AppendMemfd.open(this.#libc, path);
    } catch (error) {
      if (!this.#hasFailed) say(`criu-aware run: not all output is passed on: ${printable((error as Error).message)}`);
      this.#hasFailed = true;
      return undefined;
    }
  }

  /** Resolves once all that was written by now is passed on. Processes that the program leaves behind may write for ever. */
  async finish(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.finish()));
  }

  #add(file: AppendMemfd, target: number, position = 0): AppendMemfd {
    this.#streams.push(new Stream(file, target, position));
    return file;
  }
}

/** The streams that a tree writes to and a relay has to read, as paths in /proc; the same one perhaps more than once. */
export function streamsOf(root: number): { path: string; stream: string }[] {
  return processTree(root).flatMap((pid) =>
    descriptorLinks(pid).flatMap(({ path, link }) => {
      const [, stream] = ours.exec(link) ?? [];
      return stream === undefined ? [] : [{ path, stream }];
    }),
  );
}

const BUFFER_BYTES = 65_536;

class Stream {
  readonly #file: AppendMemfd;
  readonly #target: number;
  readonly #watch: Disposable;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #position: number;
  /** Up to where it is read. Beyond these numbers one byte is not told from the next. */
  #end = Number.MAX_SAFE_INTEGER;
  #passed: Promise<void> = Promise.resolve();
  #isQueued = false;
  #isFinishing = false;
  #hasFailed = false;

  constructor(file: AppendMemfd, target: number, position: number) {
    this.#file = file;
    this.#target = target;
    this.#position = position;
    this.#watch = file.watch(() => void this.#passOn());
    void this.#passOn();
  }

  async finish(): Promise<void> {
    // Who writes on, or cuts it off again and again, must not keep this from its end.
    this.#isFinishing = true;
    this.#end = Math.min(this.#end, this.#file.stat().bytes);
    await this.#passed;
    if (this.#file.stat().bytes < this.#position) this.#position = 0;
    await this.#drain();
    this.#watch[Symbol.dispose]();
    this.#file[Symbol.dispose]();
  }

  #passOn(): Promise<void> {
    if (!this.#isQueued && !this.#isFinishing) {
      this.#isQueued = true;
      this.#passed = this.#passed.then(() => {
        this.#isQueued = false;
        return this.#drain();
      });
    }
    return this.#passed;
  }

  async #drain(): Promise<void> {
    for (;;) {
      // Cut off: somebody opened it anew to write, as `> /dev/stdout` does in a shell.
      if (!this.#isFinishing && this.#file.stat().bytes < this.#position) this.#position = 0;
      const start = this.#file.nextData(this.#position);
      if (start === undefined || start >= this.#end) return;
      this.#position = start;
      const count = this.#file.read(this.#buffer, start);
      if (count <= 0) return;
      await this.#write(this.#buffer.subarray(0, count));
      this.#file.forget(this.#position, count);
      this.#position += count;
    }
  }

  /** What cannot be written is lost, and the program goes on. */
  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(this.#target, bytes);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // The reader has seen enough (`| head`).
      if (code === "EPIPE" || this.#hasFailed) return;
      this.#hasFailed = true;
      say(`criu-aware run: output of the program is lost: ${printable(message)}`);
    }
  }
}

/** Not at once: while a reader is slow, signals have to be passed on. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += await new Promise<number>((resolve, reject) => {
        write(fd, bytes, done, bytes.length - done, null, (error, count) => (error ? reject(error) : resolve(count)));
      });
    } catch (error) {
      // It does not block, and is full.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await sleep(10);
    }
  }
}

function isOneFile(a: number, b: number): boolean {
  try {
    const [first, second] = [fstatSync(a), fstatSync(b)];
    return first.dev === second.dev && first.ino === second.ino && first.rdev === second.rdev;
  } catch {
    return false;
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { drain } from "#reader";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { type MessageSocket, openMessageSocket } from "../../ffi/message_socket.ts";
import { openScratchFile, type ScratchFile } from "../../ffi/scratch_file.ts";
import { encode } from "../../protobuf/encode.ts";
import { CriuError, killedBy } from "../errors.ts";
import { printedLines } from "../log.ts";
import { noTerminal, type TerminalUse } from "../terminal.ts";
import { type Request, type Response, requestFields, requestTypes } from "./messages.ts";
import { decodeResponse } from "./response.ts";

/** What to do at one of CRIU's hooks: resolves with whether CRIU may go on. `pid` comes only with hooks of a restore. */
export type OnHook = (hook: string, pid: number | undefined) => Promise<boolean> | boolean;

/** The number in CRIU's process of the first descriptor that it inherits besides its socket. */
export const FIRST_INHERITED = 4;

/** What CRIU is started with, besides its request. */
export interface SwrkStart {
  /** Descriptors that it inherits: they get its numbers from FIRST_INHERITED on. */
  readonly fds?: readonly number[];
  /** Arguments before its command. */
  readonly args?: readonly string[];
  /** @default without a terminal */
  readonly terminal?: TerminalUse;
}

/** How long a response may be on its way when CRIU has already ended, in milliseconds. */
const LAST_WORDS_MS = 500;

/**
 * One CRIU that serves requests on a socket: `criu swrk` (CRIU's own word for a service worker; see its images/rpc.proto). It
 * serves one request. Disposal closes the socket, at which CRIU gives up at its next hook, and waits for its end unless it has
 * answered: then all is done, and its exit would cost a dump a fiftieth. One that dumps must never be killed, for that would
 * leave its code in the memory of the process that it dumps; one that restores may be, with all that it has made.
 */
export class Swrk implements AsyncDisposable {
  readonly #socket: MessageSocket;
  readonly #child: ChildProcess;
  /** CRIU's stderr. A pipe would have to be read while CRIU works, and by its end perhaps not all of it is. */
  readonly #output: ScratchFile;
  readonly #reading: Disposable;
  readonly #exited: Promise<number | null>;
  readonly #received: Uint8Array[] = [];
  #wake: () => void = () => {};
  #hasAnswered = false;
  #ended = false;
  #failure = "";
  #signal: string | null = null;

  private constructor(
    libc: Libc,
    criu: string,
    request: Request,
    { fds = [], args = [], terminal = noTerminal }: SwrkStart,
  ) {
    using opened = new DisposableStack();
    this.#socket = opened.use(openMessageSocket(libc));
    this.#output = opened.use(openScratchFile(libc, "criu-stderr"));
    this.#reading = opened.use(
      drain(libc, this.#socket.fd, (bytes) => {
        this.#received.push(bytes);
        this.#wake();
      }),
    );
    // Before CRIU is there, so that this thread can wait as soon as it is: see STARTING_MS of dump.ts.
    this.#socket.send(encode(requestFields, request));
    // Our action script in a configuration file of CRIU must not tell the apps a second time.
    const env = { ...process.env, CRIU_AWARE_DRIVER: "rpc" };
    this.#child = spawn(criu, [...args, "swrk", "3"], {
      stdio: [terminal.stdin, "ignore", this.#output.fd, this.#socket.theirs, ...fds],
      env,
      detached: terminal.detached,
    });
    // Otherwise the end of CRIU would never be seen.
    this.#socket.closeTheirs();
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#failure = error.message;
        resolve(null);
      });
      this.#child.once("exit", (code, signal) => {
        this.#signal = signal;
        resolve(code);
      });
    });
    void this.#exited.then(() => this.#hasAnswered || setTimeout(() => this.#end(), LAST_WORDS_MS));
    opened.move();
  }

  /** Starts CRIU on a request. */
  static async start(criu: string, request: Request, start: SwrkStart = {}): Promise<Swrk> {
    return new Swrk(await openLibc(), criu, request, start);
  }

  /** What CRIU printed before it had a log, or why it could not be started. */
  get stderr(): string {
    return this.#failure || this.#output.text();
  }

  /** Undefined when CRIU could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The exit code, once CRIU has ended. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /**
   * Resolves with CRIU's response, and says meanwhile at each of its hooks whether it may go on.
   * @throws {CriuError} when CRIU ends without one, and for one that cannot be read.
   */
  async response(onHook: OnHook = () => true): Promise<Response> {
    for (;;) {
      const response = await this.#next();
      if (response.type !== requestTypes.notify || !response.notify) {
        this.#hasAnswered = true;
        return response;
      }
      const { script = "", pid = 0 } = response.notify;
      const notifySuccess = await onHook(script, pid > 0 ? pid : undefined);
      this.#reply({ type: requestTypes.notify, notifySuccess });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reading[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
    this.#output[Symbol.dispose]();
    if (!this.#hasAnswered) await this.#exited;
  }

  #reply(request: Request): void {
    try {
      this.#socket.send(encode(requestFields, request));
    } catch {
      // CRIU has ended; what it said before, or that it said nothing, tells more.
    }
  }

  async #next(): Promise<Response> {
    for (;;) {
      const received = this.#received.shift();
      // Not where it is received: nobody would hear of an error there.
      if (received) return decodeResponse(received);
      if (this.#ended)
        throw new CriuError("start", this.#signal ? `${killedBy(this.#signal)}.` : "CRIU ended without an answer.", {
          log: printedLines(this.stderr),
        });
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }
}

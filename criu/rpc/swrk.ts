import { type ChildProcess, spawn } from "node:child_process";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { drain } from "#reader";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { type MessageSocket, openMessageSocket } from "../../ffi/message_socket.ts";
import { CriuError } from "../errors.ts";
import { isHarmless } from "../log.ts";
import { RequestSchema, RequestType, type Response, ResponseSchema } from "./rpc_pb.ts";

/** What to do at one of CRIU's hooks: resolves with whether CRIU may go on. `pid` comes only with hooks of a restore. */
export type OnHook = (hook: string, pid: number | undefined) => Promise<boolean> | boolean;

/** The number in CRIU's process of the first descriptor that it inherits besides its socket. */
export const FIRST_INHERITED = 4;

/** How long a response may be on its way when CRIU has already ended, in milliseconds. */
const LAST_WORDS_MS = 500;

/**
 * One CRIU that serves requests on a socket: `criu swrk` (CRIU's own word for a service worker; see its images/rpc.proto). It
 * serves one dump or restore. Disposal closes the socket, at which CRIU gives up at its next hook, and waits for its end: it is
 * never killed, for that would leave its code in the memory of the process that it dumps.
 */
export class Swrk implements AsyncDisposable {
  readonly #socket: MessageSocket;
  readonly #child: ChildProcess;
  readonly #reading: Disposable;
  readonly #exited: Promise<number | null>;
  readonly #received: Response[] = [];
  #wake: () => void = () => {};
  #ended = false;
  #stderr = "";

  private constructor(libc: Libc, criu: string, inherit: readonly number[]) {
    this.#socket = openMessageSocket(libc);
    // Our action script in a configuration file of CRIU must not tell the apps a second time.
    const env = { ...process.env, CRIU_AWARE_DRIVER: "rpc" };
    this.#child = spawn(criu, ["swrk", "3"], {
      stdio: ["ignore", "ignore", "pipe", this.#socket.theirs, ...inherit],
      env,
      // Ctrl-C of a terminal would reach it as well, and kill it in the middle of its work.
      detached: true,
    });
    // Otherwise the end of CRIU would never be seen.
    this.#socket.closeTheirs();
    this.#child.stderr?.on("data", (bytes) => (this.#stderr += bytes));
    this.#exited = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#stderr += error.message;
        resolve(null);
      });
      this.#child.once("exit", resolve);
    });
    void this.#exited.then(() => setTimeout(() => this.#end(), LAST_WORDS_MS));
    this.#reading = drain(libc, this.#socket.fd, (bytes) => {
      this.#received.push(fromBinary(ResponseSchema, bytes));
      this.#wake();
    });
  }

  /** Starts CRIU; the descriptors `inherit` get its numbers from FIRST_INHERITED on. */
  static async start(criu: string, inherit: readonly number[] = []): Promise<Swrk> {
    return new Swrk(await openLibc(), criu, inherit);
  }

  /** What CRIU printed before it had a log. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The exit code, once CRIU has ended. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /**
   * Sends a request, answers the hooks that CRIU calls meanwhile, and resolves with the response.
   * @throws {CriuError} when CRIU ends without one.
   */
  async request(request: MessageInitShape<typeof RequestSchema>, onHook: OnHook = () => true): Promise<Response> {
    this.#send(request);
    for (;;) {
      const response = await this.#next();
      if (response.type !== RequestType.NOTIFY || !response.notify) return response;
      const { script, pid } = response.notify;
      const notifySuccess = await onHook(script, pid > 0 ? pid : undefined);
      this.#send({ type: RequestType.NOTIFY, notifySuccess });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reading[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
    await this.#exited;
  }

  #send(request: MessageInitShape<typeof RequestSchema>): void {
    try {
      this.#socket.send(toBinary(RequestSchema, create(RequestSchema, request)));
    } catch {
      // CRIU has ended; what it said before, or that it said nothing, tells more.
    }
  }

  async #next(): Promise<Response> {
    for (;;) {
      const response = this.#received.shift();
      if (response) return response;
      if (this.#ended) throw new CriuError("start", "CRIU ended without an answer.", { log: lines(this.#stderr) });
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !isHarmless(line));
}

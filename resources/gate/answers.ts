/** How many may have been sent and not been looked at. */
const UNSEEN = 64;
const LOOK_EVERY_MS = 5;

/** What Bun.serve gives a handler beside the request. It knows the address of a request for as long as that is not answered. */
interface Server {
  requestIP(request: Request): object | null;
}

/**
 * The answers that are not sent yet. What the server tells is enough: an answer that is handed on as it is keeps its length, and a
 * file is sent as a file. The body is watched only behind other servers, which tell nothing.
 */
export class Answers {
  readonly #unsent = new Map<Request, { readonly server: Server; readonly onSent: () => void }>();
  #enough = UNSEEN;

  /** Calls `onSent` when the answer is sent, or never will be. Returns the answer that is to be given. */
  watch(answer: Response, request: Request, beside: unknown, onSent: () => void): Response {
    const { completed, requestIP } = Object(beside);
    // Deno.serve says it.
    if (typeof completed?.then === "function") {
      completed.then(onSent, onSent);
      return answer;
    }
    if (typeof requestIP !== "function") return watchBody(answer, onSent);
    // Bun.serve can be asked, but not at a unix socket. There an answer whose body is watched would lose its type and its length.
    const server = beside as Server;
    if (!server.requestIP(request)) {
      onSent();
      return answer;
    }
    this.#unsent.set(request, { server, onSent });
    if (this.#unsent.size >= this.#enough) {
      this.look();
      this.#enough = Math.max(UNSEEN, this.#unsent.size * 2);
    }
    return answer;
  }

  /** Looks which have been sent. */
  look(): void {
    for (const [request, { server, onSent }] of this.#unsent) {
      if (server.requestIP(request)) continue;
      this.#unsent.delete(request);
      onSent();
    }
  }

  /** Looks again and again, until it is disposed. */
  keepLooking(): Disposable {
    this.look();
    const timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
}

/** The same answer, whose body tells when it was read to its end, was cancelled, or failed. */
function watchBody(answer: Response, onEnd: () => void): Response {
  if (!answer.body) {
    onEnd();
    return answer;
  }
  const reader = answer.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        onEnd();
      },
      async cancel(reason) {
        onEnd();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, answer);
}

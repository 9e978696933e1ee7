/** A worker that attaches, and says how that ended. */
import { attach } from "../../attach.ts";

const answer = await attach({ strategies: [] }).then(
  async (agent) => {
    // Its page would outlive the worker.
    await agent[Symbol.asyncDispose]();
    return "attached";
  },
  (error: Error) => error.message,
);
postMessage(answer);

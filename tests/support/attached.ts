import type { Agent } from "../../agent.ts";
import { attach } from "../../attach.ts";
import type { Strategy } from "../../strategies/strategy.ts";
import { temporaryDirectory } from "./temporary_directory.ts";

/** An agent of this process, and the path that its strategy listens at, in a directory of its own. */
export interface Attached extends AsyncDisposable {
  readonly agent: Agent;
  readonly path: string;
}

export async function attachAt(listenAt: (path: string) => Strategy, leaseMs = 3): Promise<Attached> {
  const directory = temporaryDirectory();
  const path = `${directory.path}/here`;
  const agent = await attach({ strategies: [listenAt(path)], leaseMs, onError: () => {} });
  return {
    agent,
    path,
    async [Symbol.asyncDispose]() {
      await agent[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
}

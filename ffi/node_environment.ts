import { type RuntimeEnvironment, setProcessArguments, setVariable, type WatchReads, watched } from "./environment.ts";

/** Node.js, where checkpoints are only played. */
export async function openEnvironment(): Promise<RuntimeEnvironment> {
  return {
    set: setVariable,
    setArguments: setProcessArguments,
    useNameServers() {},
  };
}

export const watchReads: WatchReads = (onRead) => {
  process.env = watched(process.env, onRead);
};

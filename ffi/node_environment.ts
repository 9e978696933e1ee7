import { type RuntimeEnvironment, setProcessArguments, setVariable, watched } from "./environment.ts";

/** Node.js, where checkpoints are only played. */
export async function openEnvironment(): Promise<RuntimeEnvironment> {
  return {
    set: setVariable,
    setArguments: setProcessArguments,
    useNameServers() {},
    watchReads(onRead) {
      process.env = watched(process.env, onRead);
    },
  };
}

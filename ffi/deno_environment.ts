import { type RuntimeEnvironment, setProcessArguments, setVariable, type WatchReads } from "./environment.ts";

/** Deno: what is written to `process.env` gets everywhere. */
export async function openEnvironment(): Promise<RuntimeEnvironment> {
  return {
    set: setVariable,
    setArguments(args) {
      setProcessArguments(args);
      Deno.args.splice(0, Deno.args.length, ...args);
    },
    // They are looked up anew by themselves.
    useNameServers() {},
  };
}

/** What reads `process.env` comes by here as well: first for a description when it makes a copy of the whole. */
export const watchReads: WatchReads = (onRead) => {
  const { get, has } = Deno.env;
  let copied: string | undefined;
  Deno.env.get = (name) => {
    const isDescribed = new Error().stack?.includes("getOwnPropertyDescriptor (ext:");
    if (!isDescribed && name !== copied) onRead(name);
    copied = isDescribed ? name : undefined;
    return get.call(Deno.env, name);
  };
  Deno.env.has = (name) => {
    onRead(name);
    return has.call(Deno.env, name);
  };
};

import { type RuntimeEnvironment, setProcessArguments, setVariable, watched } from "./environment.ts";

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
    watchReads(onRead) {
      process.env = watched(process.env, onRead);
      const { get, has } = Deno.env;
      Deno.env.get = (name) => {
        onRead(name);
        return get.call(Deno.env, name);
      };
      Deno.env.has = (name) => {
        onRead(name);
        return has.call(Deno.env, name);
      };
    },
  };
}

import { setServers } from "node:dns";
import { cString } from "./bytes.ts";
import { type RuntimeEnvironment, setProcessArguments, setVariable, type WatchReads, watched } from "./environment.ts";
import { openLibc } from "./libc.ts";

const symbols = {
  setenv: [["buffer", "buffer", "i32"], "i32"],
  unsetenv: [["buffer"], "i32"],
} as const;

/** Bun: libc has a copy of its own, and Bun.spawn() gives its children that of the start. */
export async function openEnvironment(): Promise<RuntimeEnvironment> {
  // Elsewhere than on Linux checkpoints are only played.
  const libc = await openLibc().catch(() => undefined);
  const calls = libc?.runtime.dlopen(libc.soname, symbols);
  let spawns = false;
  return {
    set(name, value) {
      setVariable(name, value);
      if (value === undefined) calls?.unsetenv(cString(name));
      else calls?.setenv(cString(name), cString(value), 1);
      if (!spawns) passOn("spawn");
      if (!spawns) passOn("spawnSync");
      spawns = true;
    },
    setArguments: setProcessArguments,
    useNameServers: setServers,
  };
}

/** `Bun.env` and `import.meta.env` are the same object, and cannot be replaced: who reads there is not seen. */
export const watchReads: WatchReads = (onRead) => {
  process.env = watched(process.env, onRead);
};

/** Gives the children of a function the environment of now, unless its caller names another. */
function passOn(name: "spawn" | "spawnSync"): void {
  const original = Bun[name] as (...args: unknown[]) => unknown;
  const withEnvironment = (options: unknown): object => ({ env: process.env, ...Object(options) });
  // A method has no prototype and cannot be called with `new`, as the original.
  const { [name]: replaced } = {
    [name](this: unknown, first: unknown, ...rest: unknown[]): unknown {
      return Array.isArray(first)
        ? original.call(this, first, withEnvironment(rest[0]))
        : original.call(this, withEnvironment(first));
    },
  };
  Object.defineProperty(Bun, name, { value: replaced });
}

/**
 * The environment of this process as a runtime keeps it: each has more than one place. `bun_environment.ts` and `deno_environment.ts`
 * implement this; anywhere else `node_environment.ts` does what Node.js can.
 */
export interface RuntimeEnvironment {
  /** Sets a variable, or removes it, for this program, the libraries in it, and the processes that it starts from now on. */
  set(name: string, value: string | undefined): void;
  /** Gives the program other arguments, in the arrays that it has already. */
  setArguments(args: readonly string[]): void;
  /** Asks these name servers from now on, where that does not happen by itself. */
  useNameServers(servers: readonly string[]): void;
}

/** From now on calls `onRead` whenever a variable is read by its name, from the function that was called to read it. */
export type WatchReads = (onRead: (name: string) => void) => void;

/** Replaces the arguments behind the runtime and the script. */
export function setProcessArguments(args: readonly string[]): void {
  process.argv.splice(2, process.argv.length, ...args);
}

export function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/**
 * The same object, which says what is read from it. A copy of the whole (`{ ...process.env }`) is no reading of its names.
 */
export function watched(env: NodeJS.ProcessEnv, onRead: (name: string) => void): NodeJS.ProcessEnv {
  let copied: string | symbol | undefined;
  const isRead = (name: string | symbol): name is string => {
    const isCopied = name === copied;
    copied = undefined;
    return typeof name === "string" && !isCopied;
  };
  return new Proxy(env, {
    get(target, name) {
      if (isRead(name)) onRead(name);
      return Reflect.get(target, name);
    },
    // Not with this object as the receiver: it would be defined on it.
    set: (target, name, value) => Reflect.set(target, name, value),
    has(target, name) {
      if (isRead(name)) onRead(name);
      return Reflect.has(target, name);
    },
    getOwnPropertyDescriptor(target, name) {
      copied = name;
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
  });
}

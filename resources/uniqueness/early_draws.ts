import { printableText } from "../../ffi/printable.ts";

/** Random numbers that were drawn before the first checkpoint. */
export interface EarlyDraw {
  /** The function, such as `crypto.randomUUID`. */
  readonly api: string;
  /** Where it was called, as the runtime writes it: one line a call, the innermost first. */
  readonly stack: string;
}

/** Random numbers were drawn before the first checkpoint, and `beforeCheckpoint: "throw"` forbids that. */
export class EarlyDrawError extends Error {
  /** @ignore */
  override readonly name = "EarlyDrawError";
  /** The function, such as `crypto.randomUUID`. */
  readonly api: string;

  /** @ignore */
  constructor(api: string) {
    super(
      `Cannot call ${api} before the first checkpoint: every copy of the image would have what it returns. Call it in afterRestore, or when the first checkpoint is over.`,
    );
    this.api = api;
  }
}

const ofNode = [
  "generateKey",
  "generateKeyPair",
  "generateKeyPairSync",
  "generateKeySync",
  "pseudoRandomBytes",
  "randomBytes",
  "randomFill",
  "randomFillSync",
  "randomInt",
  "randomUUID",
];

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type Functions = Record<string, AnyFunction>;

/** The objects that have functions that draw, by their names: as far as this runtime has them. */
function places(): [place: string, holder: object | undefined, names: readonly string[]][] {
  const { Bun } = globalThis as { Bun?: object };
  return [
    ["crypto", globalThis.crypto, ["getRandomValues", "randomUUID"]],
    ["crypto.subtle", globalThis.crypto?.subtle, ["generateKey"]],
    ["Math", Math, ["random"]],
    ["node:crypto", globalThis.process?.getBuiltinModule?.("node:crypto"), ofNode],
    ["Bun", Bun, ["randomUUIDv7"]],
  ];
}

/**
 * Tells of each draw until disposal: once for each place that it is called from.
 * @throws {TypeError} for an unknown mode.
 */
export function watchDraws(mode: "report" | "throw", onDraw: (draw: EarlyDraw) => void): Disposable {
  if (mode !== "report" && mode !== "throw") {
    throw new TypeError(`Cannot watch draws: beforeCheckpoint is "${mode}", not report or throw.`);
  }
  const seen = new Set<string>();
  const note = (api: string, around: AnyFunction): void => {
    if (mode === "throw") throw new EarlyDrawError(api);
    const trace: { stack?: string } = {};
    // From the one that has called our function on.
    Error.captureStackTrace(trace, around);
    const stack = (trace.stack ?? "").split("\n").slice(1).join("\n");
    const [caller = ""] = stack.split("\n");
    // The runtime itself builds one function on another, and the other was told already.
    if (/(\(|at )(ext|node):\S+\)?$/.test(caller) || seen.has(`${api} ${caller}`)) return;
    seen.add(`${api} ${caller}`);
    onDraw({ api, stack });
  };
  const wrapped = new DisposableStack();
  for (const [place, holder, names] of places()) {
    for (const name of names) wrapped.use(wrap(holder, name, (around) => note(`${place}.${name}`, around)));
  }
  return wrapped;
}

/** Prints a draw on stderr. */
export function printDraw({ api, stack }: EarlyDraw): void {
  console.error(
    `criu-aware: ${api} before the first checkpoint, every copy of the image shares what it returns:\n${printableText(stack)}`,
  );
}

/** Calls `before` whenever the function is called, until disposal. Nothing happens where there is none. */
function wrap(holder: object | undefined, name: string, before: (around: AnyFunction) => void): Disposable | undefined {
  let owner = holder;
  while (owner && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner);
  const original = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (!owner || typeof original?.value !== "function" || !(original.configurable || original.writable))
    return undefined;
  const value = original.value as AnyFunction;
  // In an object, so that like the original it is no constructor.
  const made = {
    [name](this: unknown, ...args: unknown[]): unknown {
      before(around);
      return Reflect.apply(value, this, args);
    },
  };
  const around = made[name] as AnyFunction;
  Object.defineProperty(around, "length", { value: value.length, configurable: true });
  // What else hangs on it, such as a form for promisify().
  for (const key of Reflect.ownKeys(value)) {
    if (!Object.hasOwn(around, key)) {
      Object.defineProperty(around, key, Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor);
    }
  }
  Object.defineProperty(owner, name, { value: around });
  const place = owner as Functions;
  return {
    [Symbol.dispose]() {
      // Somebody may have put another one around ours.
      if (place[name] === around) Object.defineProperty(place, name, { value });
    },
  };
}

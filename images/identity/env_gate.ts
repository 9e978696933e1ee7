import { createHmac, randomBytes } from "node:crypto";
import { environmentOf } from "./start_mark.ts";

/**
 * The values that the environment variables of an app's `envGate` had when the program was started, as salted digests: a manifest is
 * copied and printed more easily than images, in whose memory the values stand. The salt keeps two manifests from being compared;
 * a value that can be guessed can be tried.
 */
export interface EnvGate {
  /** Random, hexadecimal. */
  readonly salt: string;
  /** Each variable, and the HMAC-SHA-256 of its value with `salt`; null where there was none. */
  readonly names: readonly { readonly name: string; readonly digest: string | null }[];
}

/** An environment, without what it inherits: a variable that is not there is missing, undefined, or null. */
export type Environment = Readonly<Record<string, string | null | undefined>>;

/** Describes the variables of these names, as the process was started with them; undefined when there are no names. */
export function describeEnvGate(names: readonly string[], pid: number): EnvGate | undefined {
  if (names.length === 0) return undefined;
  const salt = randomBytes(16).toString("hex");
  const words = environmentOf(pid).split("\0");
  const lookUp = (name: string): string | undefined =>
    words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
  return { salt, names: [...new Set(names)].map((name) => ({ name, digest: digestOf(salt, lookUp(name)) })) };
}

/** Those whose value is another one in `env`. */
export function changedNames({ salt, names }: EnvGate, env: Environment): string[] {
  const lookUp = (name: string): string | null | undefined => (Object.hasOwn(env, name) ? env[name] : undefined);
  return names.filter(({ name, digest }) => digestOf(salt, lookUp(name)) !== digest).map(({ name }) => name);
}

function digestOf(salt: string, value: string | null | undefined): string | null {
  return value === undefined || value === null ? null : createHmac("sha256", salt).update(value).digest("hex");
}

import { linkSymbols, type Pointer } from "bun:ffi";
import { typeOf } from "./bun.ts";
import type { Bound, Link, Signature } from "./runtime.ts";

/** Bun by `linkSymbols`. */
export const link: Link = <const S extends Signature>(address: bigint, [parameters, result]: S) => {
  const code = { args: parameters.map(typeOf), returns: typeOf(result), ptr: Number(address) as Pointer };
  return linkSymbols({ code }).symbols.code as unknown as Bound<{ readonly code: S }>["code"];
};

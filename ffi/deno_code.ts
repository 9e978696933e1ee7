import type { Bound, Link, Signature } from "./runtime.ts";

/** Deno by `Deno.UnsafeFnPointer`. */
export const link: Link = <const S extends Signature>(address: bigint, [parameters, result]: S) => {
  const definition = { parameters: parameters as Deno.NativeType[], result };
  const code = new Deno.UnsafeFnPointer(Deno.UnsafePointer.create(address)!, definition);
  return code.call.bind(code) as unknown as Bound<{ readonly code: S }>["code"];
};

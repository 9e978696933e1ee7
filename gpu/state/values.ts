import { type ArrayOf, arrayOver, type DType, describe, dtypes, elementsOf, type OwnArrayOf } from "./dtype.ts";
import type { Spec } from "./schema.ts";
import { StateError } from "./state_error.ts";

/** The elements of `value` as a typed array. Throws StateError `schema` unless it is what `spec` describes. */
export function toArray({ kind, dtype, shape }: Spec, value: unknown, name: string): ArrayOf<DType> {
  if (kind === "scalar" && !ArrayBuffer.isView(value)) return scalarArray(dtype, value, name);
  const { array } = dtypes[dtype];
  // By tag and not by instanceof: an array of another realm is as good, and so is a Buffer.
  const tag = ArrayBuffer.isView(value) ? (value as ArrayOf<DType>)[Symbol.toStringTag] : typeOf(value);
  if (tag !== array.name) throw wrong(name, `${describe(dtype, shape)} takes a ${array.name} and not ${tag}`);
  const typed = value as ArrayOf<DType>;
  if (typed.length === elementsOf(shape)) return typed;
  throw wrong(name, `${describe(dtype, shape)} has ${elementsOf(shape)} elements and not ${typed.length}`);
}

/** What a spec gives when it is loaded: the array over `buffer`, or the one value in it. */
export function fromBuffer({ kind, dtype }: Spec, buffer: ArrayBuffer): OwnArrayOf<DType> | number | bigint | boolean {
  const array = arrayOver(dtype, buffer);
  if (kind === "tensor") return array;
  const value = array[0] as number | bigint;
  return dtype === "bool" ? value !== 0 : value;
}

/** Copies the bytes of a typed array, bit by bit. */
export function copyBytes(from: ArrayBufferView, to: ArrayBuffer): void {
  new Uint8Array(to).set(new Uint8Array(from.buffer, from.byteOffset, from.byteLength));
}

function scalarArray(dtype: DType, value: unknown, name: string): ArrayOf<DType> {
  const wanted = dtype === "bool" ? "boolean" : dtype === "i64" || dtype === "u64" ? "bigint" : "number";
  if (typeof value !== wanted) throw wrong(name, `a ${dtype} takes a ${wanted} and not ${typeOf(value)}`);
  const array = arrayOver(dtype, new ArrayBuffer(dtypes[dtype].array.BYTES_PER_ELEMENT));
  const element = typeof value === "boolean" ? Number(value) : value;
  array[0] = element as never;
  // Floating point rounds; an integer that does not fit would silently become another one.
  if (!["f16", "f32", "f64"].includes(dtype) && array[0] !== element)
    throw wrong(name, `${String(value)} is no ${dtype}`);
  return array;
}

function typeOf(value: unknown): string {
  return value === undefined ? "nothing" : typeof value;
}

function wrong(name: string, what: string): StateError {
  return new StateError("schema", `Cannot save ${name}: ${what}.`);
}

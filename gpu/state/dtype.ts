/**
 * The element types of a tensor: `file` is the name in a safetensors file, `array` the typed array that holds the
 * elements. bf16 has no array of its own: its raw 16 bits are in a Uint16Array. A bool is one byte, 0 or 1.
 * @internal
 */
export const dtypes = {
  // Node.js has it from 24 on; this module can be loaded without it.
  f16: { file: "F16", array: globalThis.Float16Array as Float16ArrayConstructor },
  bf16: { file: "BF16", array: Uint16Array as Uint16ArrayConstructor },
  f32: { file: "F32", array: Float32Array as Float32ArrayConstructor },
  f64: { file: "F64", array: Float64Array as Float64ArrayConstructor },
  i8: { file: "I8", array: Int8Array as Int8ArrayConstructor },
  i16: { file: "I16", array: Int16Array as Int16ArrayConstructor },
  i32: { file: "I32", array: Int32Array as Int32ArrayConstructor },
  i64: { file: "I64", array: BigInt64Array as BigInt64ArrayConstructor },
  u8: { file: "U8", array: Uint8Array as Uint8ArrayConstructor },
  u16: { file: "U16", array: Uint16Array as Uint16ArrayConstructor },
  u32: { file: "U32", array: Uint32Array as Uint32ArrayConstructor },
  u64: { file: "U64", array: BigUint64Array as BigUint64ArrayConstructor },
  bool: { file: "BOOL", array: Uint8Array as Uint8ArrayConstructor },
} as const;

/** The name of an element type. */
export type DType = keyof typeof dtypes;

/** The typed array that holds elements of type `D`. */
export type ArrayOf<D extends DType> = (typeof dtypes)[D]["array"]["prototype"];

/** The same on memory that is not a SharedArrayBuffer: what this library hands out. */
export type OwnArrayOf<D extends DType> = InstanceType<(typeof dtypes)[D]["array"]>;

/** The JavaScript value of one element of type `D`; for bf16 its raw bits as a number. */
export type ScalarOf<D extends DType> = D extends "bool" ? boolean : D extends "i64" | "u64" ? bigint : number;

/** Bytes of one element. */
export function elementBytes(dtype: DType): number {
  return dtypes[dtype].array.BYTES_PER_ELEMENT;
}

/** Elements of a tensor of this shape, or undefined when it is no shape or has more than a number can count. */
export function elementsOf(shape: readonly number[]): number | undefined {
  let elements = 1;
  for (const length of shape) {
    elements *= length;
    // As the strict readers do, a product that overflows is refused even when a 0 follows.
    if (!Number.isSafeInteger(length) || length < 0 || !Number.isSafeInteger(elements)) return undefined;
  }
  return elements;
}

/** The dtype of a safetensors name, or undefined when this library has none for it. */
export function dtypeOfFile(name: unknown): DType | undefined {
  return (Object.keys(dtypes) as DType[]).find((dtype) => dtypes[dtype].file === name);
}

const widths = {
  4: ["F4"],
  6: ["F6_E2M3", "F6_E3M2"],
  8: ["F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "BOOL", "U8", "I8"],
  16: ["I16", "U16", "F16", "BF16"],
  32: ["I32", "U32", "F32"],
  64: ["C64", "F64", "I64", "U64"],
} as const;

/** Bits of one element of a type of safetensors 0.8, also of those that JavaScript has no array for. */
export function bitsOfFile(name: unknown): number | undefined {
  const found = Object.entries(widths).find(([, names]) => (names as readonly unknown[]).includes(name));
  return found && Number(found[0]);
}

/** A typed array of `dtype` over all of `buffer`. */
export function arrayOver<D extends DType>(dtype: D, buffer: ArrayBuffer): OwnArrayOf<D> {
  return new dtypes[dtype].array(buffer) as OwnArrayOf<D>;
}

/** `f32 [512, 512]`, for messages. */
export function describe(dtype: string, shape: readonly number[]): string {
  return `${dtype} [${shape.join(", ")}]`;
}

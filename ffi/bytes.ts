/** Strings and integers as C sees them. All integers are little-endian: x86-64 and aarch64 Linux. */
const encoder = new TextEncoder();

/** A NUL-terminated copy of `text`. */
export function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** The bytes under a typed array, for a `buffer` parameter. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

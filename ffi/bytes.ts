/** Strings and integers as C sees them. All integers are little-endian: x86-64 and aarch64 Linux. */
export const encoder: TextEncoder = new TextEncoder();
export const decoder: TextDecoder = new TextDecoder();

/** A NUL-terminated copy of `text`. */
export function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** The bytes under a typed array, for a `buffer` parameter. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** UTF-8 as text; where it is short, a TextDecoder that was not used for a while takes longer than all the rest of a notice. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte > 127 || i === 256) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
}

import { printable } from "../ffi/printable.ts";

/** A time of a manifest, ISO 8601 or milliseconds since 1970, for people, in local time: `2026-01-31 12:03`. */
export function momentOf(createdAt: string | number): string {
  const time = new Date(createdAt);
  const two = (number: number): string => String(number).padStart(2, "0");
  if (Number.isNaN(time.getTime())) return printable(String(createdAt), 40);
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/**
 * The value of a line `Key:  value` of /proc/pid/status or fdinfo (proc(5)), without blanks around it; undefined when there is none. Only a
 * newline ends a line: the name of a process, which stands in the first one, may hold every other character, and so look like lines.
 */
export function statusField(text: string, key: string): string | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${key}:`));
  return line?.slice(key.length + 1).trim();
}

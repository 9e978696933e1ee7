import { readOrEmpty } from "./read_or_empty.ts";

/** The names of this host's users, by uid: passwd(5). Who is known to another service only has none here. */
export function userNames(): Map<number, string> {
  const names = new Map<number, string>();
  for (const line of readOrEmpty("/etc/passwd").split("\n")) {
    const [name, , uid] = line.split(":");
    // The first name of a uid counts, as for getpwuid(3).
    if (name && uid && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return names;
}

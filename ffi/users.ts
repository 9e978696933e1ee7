import { readOrEmpty } from "./read_or_empty.ts";

/** A user of this host: passwd(5). Who is known to another service only is not among them. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
}

/** The users of this host by their uids; of several with one uid the first counts, as for getpwuid(3). */
export function readUsers(): Map<number, User> {
  const users = new Map<number, User>();
  for (const line of readOrEmpty("/etc/passwd").split("\n")) {
    const [name, , id, , , home = ""] = line.split(":");
    const uid = Number(id);
    if (name && id && !users.has(uid)) users.set(uid, { name, uid, home });
  }
  return users;
}

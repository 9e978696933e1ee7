import { readProc } from "#proc";
import type { Libc } from "../ffi/libc.ts";

/**
 * Who may notify: root and the app's own user. In a user namespace that does not map every uid, the host's root shows as
 * the overflow uid (user_namespaces(7)); nobody else could have reached us with it.
 */
export function createTrust(libc: Libc): (uid: number) => boolean {
  const trusted = new Set([0, libc.geteuid()]);
  const whole = /^\s*0\s+0\s+4294967295\s*$/;
  if (!whole.test(readProc("/proc/self/uid_map"))) {
    trusted.add(Number(readProc("/proc/sys/kernel/overflowuid")));
  }
  return (uid) => trusted.has(uid);
}

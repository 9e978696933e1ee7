import { readOrEmpty } from "./read_or_empty.ts";
import { statusField } from "./status_field.ts";

/** In the order of linux/capability.h. */
const names =
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast " +
  "net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice " +
  "sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm " +
  "block_suspend audit_read perfmon bpf checkpoint_restore";

/** What a program of root's may have when this process starts it: the bounding set of capabilities(7), a bit each. */
export function boundingSet(): bigint {
  const digits = statusField(readOrEmpty("/proc/self/status"), "CapBnd");
  return digits === undefined ? ~0n : BigInt(`0x${digits}`);
}

/** The names of a set of capabilities, such as `CAP_NET_RAW`. */
export function capabilityNames(set: bigint): string[] {
  const all = names.split(" ").map((name) => `CAP_${name.toUpperCase()}`);
  const bits = Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (set >> BigInt(bit)) & 1n);
  return bits.map((bit) => all[bit] ?? `capability ${bit}`);
}

import type { FileStat } from "../ffi/stat.ts";
import type { Descriptor } from "./descriptor.ts";
import { fieldOf } from "./proc.ts";
import type { Scope } from "./scope.ts";

// The kernel's admin-guide/devices.txt.
const CONSOLES = 4;
const LAST_CONSOLE = 63;
const AUXILIARY = 5;
const CONTROLLING = 0;
const CONSOLE = 1;
const MULTIPLEXER = 2;
const PTY_SLAVES = 136;
const LAST_PTY_SLAVES = 143;

/** The terminals of a tree. The master of a pseudo-terminal may come after its slave: they are judged at the end. */
export interface Terminals {
  /** Takes note of a terminal; false when this is none. */
  take(descriptor: Descriptor, state: FileStat, info: () => string): boolean;
  /** Reports the slaves whose master is outside of the tree. */
  check(): void;
}

export function createTerminals(scope: Scope): Terminals {
  const slaves = new Map<string, { descriptor: Descriptor; state: FileStat }>();
  const masters = new Set<string>();
  return {
    take(descriptor, state, info) {
      const { link } = descriptor;
      const { major, minor } = state;
      if (major === CONSOLES && minor <= LAST_CONSOLE) return true;
      if (major === AUXILIARY && minor === MULTIPLEXER) {
        masters.add(fieldOf(info(), "tty-index"));
        return true;
      }
      if (major === AUXILIARY && minor === CONSOLE) return true;
      const isSlave = major >= PTY_SLAVES && major <= LAST_PTY_SLAVES;
      if (!isSlave && !(major === AUXILIARY && minor === CONTROLLING)) return false;
      if (!slaves.has(link)) slaves.set(link, { descriptor, state });
      return true;
    },
    check() {
      for (const [link, { descriptor, state }] of slaves) {
        if (masters.has(/^\/dev\/pts\/(\d+)/.exec(link)?.[1] ?? "-")) continue;
        const { pid, fd } = descriptor;
        const key = externalKey(state);
        const needs = { external: (value: unknown) => (value as readonly string[]).includes(key) };
        scope.report.add("terminal", {
          pid,
          fd,
          what: `a terminal whose other side is not dumped (${link})`,
          who: key,
          needs,
        });
      }
    },
  };
}

/** How `--external` names a terminal: criu(8). Both numbers are in the kernel's form for user space (makedev(3)), in hex. */
function externalKey({ major, minor, device }: FileStat): string {
  const [deviceMajor, deviceMinor] = device.split(":").map(Number) as [number, number];
  const encode = (major: number, minor: number): string =>
    ((BigInt(minor & ~0xff) << 12n) | (BigInt(major) << 8n) | BigInt(minor & 0xff)).toString(16);
  return `tty[${encode(major, minor)}:${encode(deviceMajor, deviceMinor)}]`;
}

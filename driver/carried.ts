import { type CriuOption, type CriuOptions, checkCriuOptions } from "../criu/options.ts";
import type { Manifest } from "../images/manifest_shape.ts";
import type { Needs } from "../images/needs.ts";
import type { Expected } from "./rebuilt.ts";

/** Options that CRIU wants at a restore when it had them at the dump. */
const carried: readonly CriuOption[] = [
  "tcpEstablished",
  "tcpClose",
  "extUnixSk",
  "fileLocks",
  "shellJob",
  "linkRemap",
  "unprivileged",
];

/** The options for a restore: those of the dump that belong to both, under those that are given now. */
export function carryOptions(manifest: Manifest | undefined, given: CriuOptions): CriuOptions {
  const { criuOptions: before = {} } = manifest ?? {};
  const chosen = given.tcpClose || given.tcpEstablished;
  const again = carried.filter((name) => before[name] === true && !(chosen && name.startsWith("tcp")));
  // As the dump has found it: see driver/defaults.ts.
  const root = before.root === "/" ? { root: "/" } : {};
  return { ...root, ...Object.fromEntries(again.map((name) => [name, true])), ...cgroupsOf(before), ...given };
}

/** A dump that took the cgroups with it is restored so; images may name anything. */
function cgroupsOf({ manageCgroups }: Readonly<Record<string, unknown>>): CriuOptions {
  const found = { manageCgroups } as CriuOptions;
  try {
    checkCriuOptions(found);
  } catch {
    return {};
  }
  return manageCgroups === undefined ? {} : found;
}

/** What must be there after a restore whose root got this pid. */
export function expectedAfter(
  manifest: Manifest | undefined,
  root: number,
  needs: Needs | undefined,
  { restoreSibling = false }: CriuOptions,
): Expected {
  const apps = (manifest?.apps ?? []).map(({ pid }) => pid);
  // In a pid namespace of its own the tree has other pids here than there.
  const known = needs?.root === root ? needs : undefined;
  return {
    pids: [root, ...apps.filter((pid) => pid !== root && known?.pids.includes(pid))],
    attached: apps.length,
    // The others have a parent in the tree.
    endWithParent: needs?.endWithParent.includes(needs.root) && !restoreSibling ? [root] : [],
  };
}

import { networkInterfaces } from "node:os";
import { differences, type Evidence } from "./evidence.ts";

/** An address of a network interface that is up. */
export interface NetworkAddress {
  /** The name of the interface, such as `eth0`. */
  readonly interface: string;
  /** Its MAC address. */
  readonly mac: string;
  /** The address with the length of its prefix, such as `10.0.0.2/24`. */
  readonly address: string;
}

/** What has changed between two readings. */
export interface NetworkEvidence extends Evidence {
  /** Addresses that were not there. */
  readonly added: readonly NetworkAddress[];
  /** Addresses that are gone. */
  readonly removed: readonly NetworkAddress[];
}

/** Reads the addresses of the network namespace of this process. */
export function readNetwork(): NetworkAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.map(({ mac, address, netmask, cidr }) => ({
      interface: name,
      mac,
      address: cidr ?? `${address}/${netmask}`,
    })),
  );
}

/**
 * Weak evidence: a process that comes back on another machine, or in another container, has other MAC and IP addresses.
 *
 * **Says restore, and there was none:** an address came or went: DHCP, IPv6 privacy, a VPN, a cable, a container bridge; or the readings
 * are of two programs in two network namespaces, as before and after a restart in a container.
 *
 * **Says nothing, and there was one:** it came back where it was, or in a container with the same addresses, as most do.
 *
 * @example
 * ```ts
 * import { compareNetwork, readNetwork } from "criu-aware/evidence";
 *
 * const before = readNetwork();
 * // Later.
 * console.log(compareNetwork(before, readNetwork()).added);
 * ```
 */
export function compareNetwork(before: readonly NetworkAddress[], after: readonly NetworkAddress[]): NetworkEvidence {
  const { added, removed } = differences(before, after, (one) => `${one.interface} ${one.mac} ${one.address}`);
  return { suggestsRestore: added.length + removed.length > 0, added, removed };
}

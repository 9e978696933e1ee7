/** One signal that rang: siginfo_t, see sigaction(2). A `code` above 0 was sent by the kernel, any other by a process. */
export interface Ring {
  readonly signal: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly value: bigint;
}

/** How many rings are remembered: a power of two. */
export const RINGS = 32;

/** The rings from number `from` up to `end`, as far as they are still remembered. */
export function ringsSince(from: number, end: number, at: (n: number) => Ring | undefined): Ring[] {
  const rings: Ring[] = [];
  for (let n = Math.max(from, end - RINGS); n < end; n++) {
    const ring = at(n);
    if (ring) rings.push(ring);
  }
  return rings;
}

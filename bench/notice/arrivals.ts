/** What a receiver notes in shared memory: how often something arrived, and when last (milliseconds since 1970). */
export interface Arrivals {
  note(at: number): void;
  /** Whether the receiver would not notice another one yet. */
  busy: boolean;
  readonly count: number;
  readonly at: number;
}

export function viewArrivals(buffer: ArrayBuffer): Arrivals {
  const count = new Int32Array(buffer, 0, 1);
  const busy = new Int32Array(buffer, 4, 1);
  const time = new Float64Array(buffer, 8, 1);
  return {
    note(at) {
      time[0] = at;
      Atomics.add(count, 0, 1);
    },
    get busy() {
      return Atomics.load(busy, 0) === 1;
    },
    set busy(is) {
      Atomics.store(busy, 0, Number(is));
    },
    get count() {
      return Atomics.load(count, 0);
    },
    get at() {
      return time[0] as number;
    },
  };
}

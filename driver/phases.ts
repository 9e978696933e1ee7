import type { Phase } from "./engine.ts";

/** Milliseconds since 1970, with fractions. For drivers: they are never restored, so that the time origin stays true. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Notes when each phase began, and tells `onPhase`. */
export interface Phases {
  enter(name: Phase["name"]): void;
  /** Milliseconds from one phase to another; 0 when one of them did not happen. */
  between(from: Phase["name"], to: Phase["name"]): number;
}

export function watchPhases(onPhase: ((phase: Phase) => void) | undefined): Phases {
  const times = new Map<Phase["name"], number>();
  return {
    enter(name) {
      const at = now();
      times.set(name, at);
      onPhase?.({ name, at });
    },
    between: (from, to) => Math.max(0, (times.get(to) ?? 0) - (times.get(from) ?? 0)),
  };
}

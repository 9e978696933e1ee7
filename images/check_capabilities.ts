import { boundingSet, capabilityNames } from "../ffi/capabilities.ts";
import type { Problem } from "./problem.ts";

/** What speaks against a restore when the processes of a dump had more rights than this process can give. */
export function capabilityProblems(needed: bigint, given: bigint = boundingSet()): Problem[] {
  const lacking = capabilityNames(needed & ~given);
  if (lacking.length === 0) return [];
  const names = lacking.join(", ");
  return [
    {
      severity: "error",
      kind: "capability",
      what: `The dumped processes have capabilities that none can have here: ${names}`,
      cure: "Restore where they may be had (containers: --cap-add; systemd: CapabilityBoundingSet), or dump an app without them.",
    },
  ];
}

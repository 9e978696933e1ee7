import { checkResource } from "./resource.ts";
import { checkTime } from "./time.ts";
import { type Resource, tiers } from "./types.ts";

/** The resources of an app, in order. */
export class Register {
  /** As they are rebuilt: by tier, inside a tier in the order of registration. Preparation is the reverse. */
  inOrder: readonly Resource[] = [];

  /**
   * Adds a resource. Disposal takes it out again; in a checkpoint that is under way it still counts.
   * @throws {TypeError} when it has no name, an unknown tier, or is registered already.
   * @throws {RangeError} for a `timeoutMs` that is none.
   */
  add(resource: Resource): Disposable {
    checkResource(resource);
    checkTime("timeoutMs", resource.timeoutMs);
    if (this.inOrder.includes(resource)) {
      throw new TypeError(`Cannot register ${resource.name}: it is registered already.`);
    }
    // The sort is stable.
    this.inOrder = [...this.inOrder, resource].sort((one, other) => rank(one) - rank(other));
    return {
      [Symbol.dispose]: () => {
        this.inOrder = this.inOrder.filter((other) => other !== resource);
      },
    };
  }
}

function rank({ tier = "app" }: Resource): number {
  return tiers.indexOf(tier);
}

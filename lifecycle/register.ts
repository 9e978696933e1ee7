import { checkResource } from "./resource.ts";
import { type Resource, tiers } from "./types.ts";

/** The resources of an app, in order. */
export class Register {
  readonly #resources = new Set<Resource>();
  /** As they are rebuilt: by tier, inside a tier in the order of registration. Preparation is the reverse. */
  inOrder: readonly Resource[] = [];

  /**
   * Adds a resource. Disposal takes it out again; in a checkpoint that is under way it still counts.
   * @throws {TypeError} when it has no name, an unknown tier, or is registered already.
   */
  add(resource: Resource): Disposable {
    checkResource(resource);
    if (this.#resources.has(resource))
      throw new TypeError(`Cannot register ${resource.name}: it is registered already.`);
    this.#resources.add(resource);
    this.#order();
    return {
      [Symbol.dispose]: () => {
        this.#resources.delete(resource);
        this.#order();
      },
    };
  }

  #order(): void {
    const all = [...this.#resources];
    this.inOrder = tiers.flatMap((tier) => all.filter((resource) => (resource.tier ?? "app") === tier));
  }
}

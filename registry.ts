/**
 * The meeting point of libraries and apps: a library registers its resources here, whether or not the app attaches, and does
 * not have to depend on more than this module. It does nothing until an app attaches. In Deno it needs no permission.
 *
 * @module
 */
import { checkResource } from "./lifecycle/resource.ts";
import type { Resource } from "./lifecycle/types.ts";

/** What all copies of this package in a process share. */
export interface Registry {
  /** All that are registered now. */
  readonly resources: Set<Resource>;
  /** Attached agents: told of each resource that comes, and given what takes it out again. */
  readonly agents: Map<(resource: Resource) => Disposable, Map<Resource, Disposable>>;
}

const KEY = Symbol.for("criu-aware.registry.v1");

/** The registry of this JavaScript thread. */
export function sharedRegistry(): Registry {
  const holder = globalThis as { [KEY]?: Registry };
  holder[KEY] ??= { resources: new Set(), agents: new Map() };
  return holder[KEY];
}

/**
 * Registers a resource with the agent of this app, at once or when it attaches. Disposal takes it out again.
 *
 * @throws {TypeError} when it has no name or an unknown tier, or the agent refuses it.
 * @example
 * ```ts
 * import { register } from "criu-aware/registry";
 * const cache = new Map<string, string>();
 * register({ name: "my-library", beforeCheckpoint: () => cache.clear() });
 * ```
 */
export function register(resource: Resource): Disposable {
  const { resources, agents } = sharedRegistry();
  checkResource(resource);
  const remove = (): void => {
    resources.delete(resource);
    for (const added of agents.values()) {
      added.get(resource)?.[Symbol.dispose]();
      added.delete(resource);
    }
  };
  resources.add(resource);
  try {
    for (const [add, added] of agents) added.set(resource, add(resource));
  } catch (error) {
    remove();
    throw error;
  }
  return { [Symbol.dispose]: remove };
}

/** Adds all resources to an agent, those that come later too. Disposal takes them out again. */
export function join(add: (resource: Resource) => Disposable): Disposable {
  const { resources, agents } = sharedRegistry();
  const added = new Map([...resources].map((resource) => [resource, add(resource)]));
  agents.set(add, added);
  return {
    [Symbol.dispose](): void {
      agents.delete(add);
      for (const registration of added.values()) registration[Symbol.dispose]();
    },
  };
}

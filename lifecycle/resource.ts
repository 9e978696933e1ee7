import { type Resource, tiers } from "./types.ts";

/** @throws {TypeError} when a resource has no name, or an unknown tier. */
export function checkResource({ name, tier = "app" }: Resource): void {
  if (!name) throw new TypeError("Cannot register a resource without a `name`.");
  if (tiers.includes(tier)) return;
  throw new TypeError(`Cannot register ${name}: its tier is "${tier}", not one of ${tiers.join(", ")}.`);
}

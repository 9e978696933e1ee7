/** Packages that keep what they drew, each with the line that resets it: the table of docs/resources/uniqueness.md. */
import { nuid } from "@nats-io/nats-core";
import { ObjectId } from "bson";
import hyperid from "hyperid";
import { nanoid } from "nanoid";
import { monotonicFactory, ulid } from "ulid";
import { v4, v7 } from "uuid";

const TIMES = 1000;

let newHyperid = hyperid();
let newMonotonic = monotonicFactory();

export function resetPackages(): void {
  for (let n = 0; n < 128; n++) nanoid();
  (ObjectId as unknown as { resetState(): void }).resetState();
  newHyperid = hyperid();
  newMonotonic = monotonicFactory();
  nuid.reset();
}

const makers: Record<string, () => string> = {
  nanoid: () => nanoid(),
  "bson ObjectId": () => new ObjectId(ObjectId.generate(0)).toHexString(),
  hyperid: () => newHyperid(),
  "ulid monotonicFactory": () => newMonotonic(1e12),
  "NATS nuid": () => nuid.next(),
  "uuid v4": () => v4(),
  "uuid v7": () => v7({ msecs: 1e12 }),
  ulid: () => ulid(1e12),
};

export function drawFromPackages(): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(makers).map(([name, make]) => [`package ${name}`, Array.from({ length: TIMES }, make)]),
  );
}

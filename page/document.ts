import { cString } from "../ffi/bytes.ts";
import { printable } from "../ffi/printable.ts";
import type { Outcome, Round } from "../lifecycle/types.ts";
import type { Fields } from "./fields.ts";
import { texts } from "./layout.ts";

/** How a driver reaches a strategy of the app: `kind`, and what else that strategy says of itself. */
export interface Endpoint {
  readonly kind: string;
  readonly [detail: string]: string | number;
}

/** What an agent says of itself, in JSON on its page. */
export interface PageDocument {
  readonly runtime: { readonly name: string; readonly version: string };
  readonly strategies: readonly Endpoint[];
  readonly resources: readonly string[];
  readonly lastRound: Round | undefined;
}

/** Puts a document on the page. One that is too long loses its list of resources. */
export function writeDocument(fields: Fields, document: PageDocument): void {
  const whole = JSON.stringify(document);
  const fits = cString(whole).length <= texts.document.bytes;
  fields.increment("documentSequence");
  fields.setText("document", fits ? whole : JSON.stringify({ ...document, resources: [] }));
  fields.increment("documentSequence");
}

/**
 * Reads the document; undefined when it is being written, or is damaged. Its members have the right types, whatever the
 * other side wrote.
 */
export function readDocument(fields: Fields): PageDocument | undefined {
  const sequence = fields.get("documentSequence");
  const text = fields.text("document");
  if (sequence % 2 === 1 || fields.get("documentSequence") !== sequence) return undefined;
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const runtime = Object(value.runtime) as Record<string, unknown>;
  return {
    runtime: { name: printable(runtime.name), version: printable(runtime.version) },
    strategies: list(value.strategies).map((entry) => endpoint(Object(entry))),
    resources: list(value.resources).map((text) => printable(text)),
    lastRound: round(value.lastRound),
  };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function endpoint(value: Record<string, unknown>): Endpoint {
  const details: Record<string, string | number> = {};
  for (const [name, detail] of Object.entries(value)) {
    if (typeof detail === "number") details[printable(name)] = detail;
    if (typeof detail === "string") details[printable(name)] = printable(detail);
  }
  return { ...details, kind: printable(value.kind) };
}

/** A round with nothing in it that is unknown; undefined when anything has the wrong type. */
function round(value: unknown): Round | undefined {
  const { id, noticedAt, ...rest } = Object(value) as Record<string, unknown>;
  if (typeof id !== "string" || typeof noticedAt !== "number") return undefined;
  const found: Record<string, unknown> = { id: printable(id), noticedAt };
  if (Array.isArray(rest.failures)) found.failures = rest.failures.map((text) => printable(text));
  for (const [name, isRight] of Object.entries(optional)) {
    if (rest[name] === undefined) continue;
    if (!isRight(rest[name])) return undefined;
    found[name] = rest[name];
  }
  return found as unknown as Round;
}

const isTime = (value: unknown): boolean => typeof value === "number";
const optional: Readonly<Record<string, (value: unknown) => boolean>> = {
  sentAt: isTime,
  readyAt: isTime,
  releasedAt: isTime,
  recoveredAt: isTime,
  outcome: (value) => ["restored", "continued", "aborted"].includes(value as Outcome),
  simulated: (value) => typeof value === "boolean",
};

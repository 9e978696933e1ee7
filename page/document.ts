import type { Round } from "../lifecycle/types.ts";
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
  const fits = (text: string): boolean => new TextEncoder().encode(text).length < texts.document.bytes;
  const whole = JSON.stringify(document);
  const text = fits(whole) ? whole : JSON.stringify({ ...document, resources: [] });
  fields.increment("documentSequence");
  fields.setText("document", text);
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
    resources: list(value.resources).map(printable),
    lastRound: isRound(value.lastRound) ? value.lastRound : undefined,
  };
}

/** Text that is safe to show on a terminal. */
export function printable(value: unknown): string {
  return String(value ?? "").replace(/[\p{Cc}\p{Cf}]/gu, "�");
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function endpoint(value: Record<string, unknown>): Endpoint {
  const details: Record<string, string | number> = {};
  for (const [name, detail] of Object.entries(value)) {
    if (typeof detail === "number") details[name] = detail;
    if (typeof detail === "string") details[name] = printable(detail);
  }
  return { ...details, kind: printable(value.kind) };
}

function isRound(value: unknown): value is Round {
  const { id, noticedAt, ...rest } = Object(value) as Record<string, unknown>;
  const times = [rest.sentAt, rest.readyAt, rest.releasedAt, rest.recoveredAt];
  const outcomes: unknown[] = [undefined, "restored", "continued", "aborted"];
  return (
    typeof id === "string" &&
    typeof noticedAt === "number" &&
    times.every((time) => time === undefined || typeof time === "number") &&
    outcomes.includes(rest.outcome)
  );
}

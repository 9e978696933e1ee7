import { cString } from "../ffi/bytes.ts";
import { printable } from "../ffi/printable.ts";
import type { Outcome, RecoveryFailure, Round } from "../lifecycle/types.ts";
import type { Fields } from "./fields.ts";
import { texts } from "./layout.ts";

/** What is longer, or more, than anybody needs is cut: a table, a refusal and a manifest have to stay readable. */
const longest = { word: 64, resource: 256, failure: 1024, path: 4096 } as const;
const most = { strategies: 16, details: 16, resources: 1024, errors: 64, gated: 64 } as const;

/** How a driver reaches a strategy of the app: `kind`, and what else that strategy says of itself. */
export interface Endpoint {
  readonly kind: string;
  readonly [detail: string]: string | number;
}

/** What an agent says of itself, in JSON on its page. */
export interface PageDocument {
  readonly runtime: {
    readonly name: string;
    readonly version: string;
    /** When the program was started, in milliseconds since 1970; a restore does not change it. */
    readonly startedAt?: number | undefined;
  };
  readonly strategies: readonly Endpoint[];
  readonly resources: readonly string[];
  /** Of an app that acts on a launch: how many arguments it was started with. */
  readonly launch?: { readonly args: number } | undefined;
  /** Environment variables whose change makes an image unfit. */
  readonly envGate?: readonly string[];
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
  const gated = list(value.envGate, most.gated).map((name) => printable(name, longest.resource));
  return {
    runtime: {
      name: word(runtime.name),
      version: word(runtime.version),
      ...(isNumber(runtime.startedAt) ? { startedAt: runtime.startedAt as number } : {}),
    },
    strategies: list(value.strategies, most.strategies).map((entry) => endpoint(Object(entry))),
    resources: list(value.resources, most.resources).map((text) => printable(text, longest.resource)),
    ...(value.launch === undefined ? {} : { launch: { args: count(Object(value.launch).args) } }),
    ...(gated.length > 0 ? { envGate: gated } : {}),
    lastRound: round(value.lastRound),
  };
}

function list(value: unknown, max: number): unknown[] {
  return Array.isArray(value) ? value.slice(0, max) : [];
}

function word(value: unknown): string {
  return printable(value, longest.word);
}

/** 0 for what is no count. */
function count(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0;
}

function endpoint(value: Record<string, unknown>): Endpoint {
  const details: Record<string, string | number> = {};
  for (const [name, detail] of Object.entries(value).slice(0, most.details)) {
    if (isNumber(detail)) details[word(name)] = detail as number;
    if (typeof detail === "string") details[word(name)] = printable(detail, longest.path);
  }
  return { ...details, kind: word(value.kind) };
}

/** A round with nothing in it that is unknown; undefined when anything has the wrong type. */
function round(value: unknown): Round | undefined {
  const { id, noticedAt, ...rest } = Object(value) as Record<string, unknown>;
  if (typeof id !== "string" || !isNumber(noticedAt)) return undefined;
  const found: Record<string, unknown> = { id: word(id), noticedAt };
  // Whatever stands there: that something failed is not to be lost.
  if (rest.errors !== undefined) found.errors = failures(rest.errors);
  for (const [name, isRight] of Object.entries(optional)) {
    if (rest[name] === undefined) continue;
    if (!isRight(rest[name])) return undefined;
    found[name] = rest[name];
  }
  return found as unknown as Round;
}

function failures(value: unknown): RecoveryFailure[] {
  const given = Array.isArray(value) ? list(value, most.errors) : [value];
  return given.map((entry) => {
    const { resource, message } = Object(entry) as Record<string, unknown>;
    return {
      ...(resource === undefined ? {} : { resource: printable(resource, longest.resource) }),
      message: printable(message, longest.failure),
    };
  });
}

/** JSON has numbers that are infinite: 1e999. */
const isNumber = (value: unknown): boolean => Number.isFinite(value);
const optional: Readonly<Record<string, (value: unknown) => boolean>> = {
  sentAt: isNumber,
  readyAt: isNumber,
  releasedAt: isNumber,
  recoveredAt: isNumber,
  outcome: (value) => ["restored", "continued", "aborted"].includes(value as Outcome),
  simulated: (value) => typeof value === "boolean",
};

import {
  type ArrayOf,
  type DType,
  describe,
  dtypes,
  elementBytes,
  elementsOf,
  type OwnArrayOf,
  type ScalarOf,
} from "./dtype.ts";
import { StateError } from "./state_error.ts";

/** A tensor of a schema. */
export interface TensorSpec<D extends DType = DType> {
  /** Tells it from a scalar. */
  readonly kind: "tensor";
  /** The type of its elements. */
  readonly dtype: D;
  /** Its dimensions, the outermost first. */
  readonly shape: readonly number[];
}

/** A single value of a schema; in the file a tensor of shape []. */
export interface ScalarSpec<D extends DType = DType> {
  /** Tells it from a tensor. */
  readonly kind: "scalar";
  /** The type of the value. */
  readonly dtype: D;
  /** A value has no dimensions. */
  readonly shape: readonly [];
}

/** One named thing of a schema. */
export type Spec = TensorSpec | ScalarSpec;

/** Names and what is under them. Nested names are joined by dots in the file: `model.layer1`. */
export interface Schema {
  /** A value, a tensor, or more of them below a name. */
  readonly [name: string]: Spec | Schema;
}

/** What a schema is saved from. */
export type Values<S> = {
  readonly [K in keyof S]: S[K] extends ScalarSpec<infer D>
    ? ScalarOf<D>
    : S[K] extends TensorSpec<infer D>
      ? ArrayOf<D>
      : Values<S[K]>;
};

/** What loading a schema gives. */
export type Loaded<S> = {
  [K in keyof S]: S[K] extends ScalarSpec<infer D>
    ? ScalarOf<D>
    : S[K] extends TensorSpec<infer D>
      ? OwnArrayOf<D>
      : Loaded<S[K]>;
};

/** Typed arrays over the saved bytes themselves; a scalar is an array of one element. */
export type Views<S> = {
  readonly [K in keyof S]: S[K] extends Spec ? OwnArrayOf<S[K]["dtype"]> : Views<S[K]>;
};

/** Names that begin like this belong to the library. */
export const RESERVED = "criu-aware.";

/**
 * Describes a tensor. A length of 0 and the shape [] are allowed.
 * @throws {StateError} `schema` when there is no such dtype, or the shape has a length that is no whole number, or the
 * tensor has more bytes than a number can count.
 *
 * @example
 * ```ts
 * const weights = tensor("f32", [512, 512]);
 * ```
 */
export function tensor<D extends DType>(dtype: D, shape: readonly number[]): TensorSpec<D> {
  if (!Object.hasOwn(dtypes, dtype)) {
    throw new StateError(
      "schema",
      `Cannot describe a tensor: ${String(dtype)} is none of ${Object.keys(dtypes).join(", ")}.`,
    );
  }
  const elements = elementsOf(shape);
  if (elements === undefined || !Number.isSafeInteger(elements * elementBytes(dtype))) {
    throw new StateError(
      "schema",
      `Cannot describe a tensor: ${describe(dtype, shape)} has a length that is no whole number, or is too large.`,
    );
  }
  return { kind: "tensor", dtype, shape: Object.freeze([...shape]) };
}

/** Describes a single value: a number, a bigint for i64 and u64, a boolean for bool. Throws as `tensor` does. */
export function scalar<D extends DType>(dtype: D): ScalarSpec<D> {
  return { ...tensor(dtype, []), kind: "scalar", shape: [] };
}

/**
 * Checks the names of a schema and returns it.
 * @throws {StateError} `schema` when a name is empty, reserved (`criu-aware.…`, `__metadata__`), no valid Unicode, or
 * there twice.
 *
 * @example
 * ```ts
 * const schema = defineState({
 *   weights: tensor("f32", [512, 512]),
 *   model: { bias: tensor("f32", [512]) },
 *   step: scalar("u32"),
 * });
 * ```
 */
export function defineState<const S extends Schema>(schema: S): S {
  flatten(schema);
  return schema;
}

/** The specs of a schema by their full names, in the order of definition. */
export function flatten(schema: Schema): Map<string, Spec> {
  const specs = new Map<string, Spec>();
  mapSchema(schema, (spec, name) => {
    checkName(name);
    if (specs.has(name)) throw new StateError("schema", `Cannot define the state: ${name} is there twice.`);
    specs.set(name, spec);
  });
  return specs;
}

/** Throws StateError `schema` unless a tensor may have this name. */
export function checkName(name: string): void {
  if (name !== "" && name !== "__metadata__" && !name.startsWith(RESERVED) && name.isWellFormed()) return;
  throw new StateError(
    "schema",
    `Cannot name a tensor ${JSON.stringify(name)}: it is empty, __metadata__, begins with ${RESERVED} or is no valid Unicode.`,
  );
}

/** An object of the shape of `schema` with what `to` makes of each spec. Safe for every name, also `__proto__`. */
export function mapSchema(schema: Schema, to: (spec: Spec, name: string) => unknown, prefix = ""): unknown {
  return Object.fromEntries(
    Object.entries(schema).map(([key, under]) => [
      key,
      isSpec(under) ? to(under, prefix + key) : mapSchema(under, to, `${prefix}${key}.`),
    ]),
  );
}

/** The members of a nested object, in the order in which `flatten` names those of its schema. */
export function flattenValues(schema: Schema, values: unknown, into: unknown[] = [], prefix = ""): unknown[] {
  if (typeof values !== "object" || values === null) {
    throw new StateError(
      "schema",
      `Cannot save the state: ${prefix.slice(0, -1) || "what was given"} is not an object of values.`,
    );
  }
  let own = 0;
  for (const [key, under] of Object.entries(schema)) {
    const isOwn = Object.hasOwn(values, key);
    const value = isOwn ? (values as Record<string, unknown>)[key] : undefined;
    if (isSpec(under)) into.push(value);
    else flattenValues(under, value, into, `${prefix}${key}.`);
    if (isOwn) own++;
  }
  const keys = Object.keys(values);
  const extra = keys.length === own ? undefined : keys.find((key) => !Object.hasOwn(schema, key));
  if (extra === undefined) return into;
  throw new StateError("schema", `Cannot save the state: ${prefix}${extra} is not in the schema.`);
}

function isSpec(under: Spec | Schema): under is Spec {
  return typeof under.kind === "string";
}

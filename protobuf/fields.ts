/** The JavaScript type of each scalar type of protobuf that is used here. */
interface Scalars {
  readonly bool: boolean;
  readonly bytes: Uint8Array;
  readonly int32: number;
  readonly string: string;
  readonly uint32: number;
  readonly uint64: bigint;
}

type Type = keyof Scalars | Fields;

/** One field: its number, the rule and the type, in the words of a .proto file (proto2). */
export type Field = readonly [number: number, rule: "required" | "optional" | "repeated", type: Type];

/** A message: its fields by their names. A message inside of another one stands in the place of the type. */
export interface Fields {
  readonly [name: string]: Field;
}

type Named<F extends Fields, Rule extends Field[1]> = { [N in keyof F]: F[N][1] extends Rule ? N : never }[keyof F];
type Decoded<T extends Type> = T extends keyof Scalars ? Scalars[T] : T extends Fields ? Message<T> : never;
type Given<T extends Type> = T extends keyof Scalars ? Scalars[T] : T extends Fields ? Content<T> : never;

/** A message that was read. */
export type Message<F extends Fields> = { readonly [N in Named<F, "required">]: Decoded<F[N][2]> } & {
  readonly [N in Named<F, "optional">]?: Decoded<F[N][2]>;
} & { readonly [N in Named<F, "repeated">]: readonly Decoded<F[N][2]>[] };

/** What a message is made from. */
export type Content<F extends Fields> = { readonly [N in Named<F, "required">]: Given<F[N][2]> } & {
  readonly [N in Named<F, "optional">]?: Given<F[N][2]> | undefined;
} & { readonly [N in Named<F, "repeated">]?: readonly Given<F[N][2]>[] | undefined };

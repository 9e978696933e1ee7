/** A tree of conditions, as in `exports` and `imports`. */
type Conditions = string | { readonly [condition: string]: Conditions };

/** The package.json of the source tree, as far as it is changed here. */
export interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, Conditions>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** The package.json of the tarball. */
export interface Published {
  readonly exports: Readonly<Record<string, { readonly types?: string; readonly default: string }>>;
  readonly imports: Readonly<Record<string, Conditions>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const javaScript = (path: string): string => path.replace(/\.ts$/, ".js");

/**
 * The package.json of the tarball: every module is JavaScript with types beside it, and nothing is said that only the tree needs.
 * @param without dependencies that are in the modules already.
 */
export function manifest(
  { scripts, files, overrides, devDependencies, ...rest }: Manifest,
  without: readonly string[],
): Published {
  const entries = Object.entries(rest.exports).map(
    ([name, path]) => [name, { types: path.replace(/\.ts$/, ".d.ts"), default: javaScript(path) }] as const,
  );
  return {
    ...rest,
    exports: { ...Object.fromEntries(entries), "./package.json": { default: "./package.json" } },
    imports: compiled(rest.imports),
    bin: compiled(rest.bin),
    dependencies: Object.fromEntries(Object.entries(rest.dependencies).filter(([name]) => !without.includes(name))),
  };
}

/** All files that are named. */
export function pathsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return Object.values(value as object).flatMap(pathsIn);
}

function compiled<T extends Conditions>(conditions: T): T {
  if (typeof conditions === "string") return javaScript(conditions) as T;
  return Object.fromEntries(Object.entries(conditions).map(([key, value]) => [key, compiled(value)])) as T;
}

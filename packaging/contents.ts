import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** All files of a folder by their paths in it, with their sizes in bytes. */
export function filesOf(folder: string): [path: string, bytes: number][] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => [path, statSync(join(folder, path))] as const)
    .filter(([, stat]) => stat.isFile())
    .map(([path, { size }]) => [path, size] as [string, number])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What is in the tarball, for people: one line a file, then the sums. */
export function describeContents({ tarball, folder }: { readonly tarball: string; readonly folder: string }): string {
  const files = filesOf(folder);
  const total = files.reduce((sum, [, bytes]) => sum + bytes, 0);
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  return [
    ...files.map(([path, bytes]) => `${kilobytes(bytes).padStart(10)}  ${path}`),
    `${files.length} files, ${kilobytes(total)}; the tarball ${kilobytes(statSync(tarball).size)}`,
  ].join("\n");
}

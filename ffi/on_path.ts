import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** The directories of a PATH. A relative one, the empty one too, means another place in each working directory: it is left out. */
export function directoriesOf(path: string | undefined): string[] {
  return (path ?? "").split(delimiter).filter(isAbsolute);
}

/** The program of this name that a shell would start; undefined when there is none. */
export function onPath(
  name: string,
  directories: readonly string[] = directoriesOf(process.env.PATH),
): string | undefined {
  return directories.map((directory) => join(directory, name)).find(isProgram);
}

/** Whether there is such a file, and this user may run it. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

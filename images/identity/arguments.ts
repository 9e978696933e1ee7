import type { Manifest } from "../manifest_shape.ts";
import { startedAs } from "./command.ts";

/**
 * How many of the last words of a dumped command can be other ones at a restore: the arguments of its root, when that acts on a launch.
 * Undefined when none can, or it is not known which they are: a shell in between may have given it others.
 */
export function renewableArguments({ program, apps }: Manifest, root: number): number | undefined {
  const count = apps.find(({ pid }) => pid === root)?.launch?.args;
  if (count === undefined || program?.command === undefined) return undefined;
  const asTyped = (program.started ?? program).command ?? [];
  const own = program.command.slice(-count);
  const isSame = asTyped.length > count && own.every((word, i) => word === asTyped.at(i - count));
  return isSame || count === 0 ? count : undefined;
}

/** The arguments of a command that is to be started in the place of a dumped one, of whose words `renewable` are arguments. */
export function argumentsIn(
  { program }: Manifest,
  { command, cwd }: { readonly command: readonly string[]; readonly cwd: string },
  renewable: number,
): string[] {
  const before = (program?.started ?? program)?.command ?? [];
  const words = startedAs(command, cwd)?.command ?? [];
  return words.slice(before.length - renewable);
}

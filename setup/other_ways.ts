import { prefixOptions } from "../criu/places.ts";
import { onPath } from "../ffi/on_path.ts";
import { printable } from "../ffi/printable.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { commandLine } from "../package/invocation.ts";
import { criuTool, type Tool, vulkanTool } from "./tools.ts";

/** What runs containers, in the order of preference: podman needs no daemon. */
const containerPrograms = ["podman", "docker"] as const;

/** An image in which apt finds Debian's packages; its own release does not matter. */
export const DEBIAN_IMAGE = "docker.io/library/debian:stable-slim";

/** The program that runs containers here; undefined when there is none. */
export function containerProgram(directories?: readonly string[]): string | undefined {
  return containerPrograms.find((name) => onPath(name, directories));
}

/** The package that debian.sh says is missing. */
const KEYRING = "debian-archive-keyring";

/** A Linux distribution, by os-release(5). */
interface Distribution {
  /** Of this release. */
  readonly name: string;
  /** `ID`, and then those of `ID_LIKE`. */
  readonly ids: readonly string[];
  readonly version: number;
}

/** What installs a package of the distribution, and from which release on that CRIU is 4.2 or newer. */
interface Packager {
  readonly install: string;
  /** Its packages' pages say so (2026); Infinity: they do not. */
  readonly since: number;
}

/** Those of `ID_LIKE` have the same program and packages of their own. Alpine is missing: its CRIU is 3.19. */
const packagers: Readonly<Record<string, Packager>> = {
  fedora: { install: "sudo dnf install criu", since: 42 },
  arch: { install: "sudo pacman -S criu", since: 0 },
  ubuntu: { install: "sudo apt-get install criu", since: 26.04 },
  debian: { install: "sudo apt-get install criu", since: 14 },
  suse: { install: "sudo zypper install criu", since: Number.POSITIVE_INFINITY },
};

/**
 * What else can be done on this system to get a tool that could not be unpacked, a line each.
 *
 * @param reason why not.
 * @param place where it was to be.
 * @param osRelease the text of os-release(5).
 * @param directories where programs are looked for.
 */
export function otherWays(
  tool: Tool,
  reason: string,
  place: string,
  osRelease: string = readOrEmpty("/etc/os-release") || readOrEmpty("/usr/lib/os-release"),
  directories?: readonly string[],
): string[] {
  const distribution = read(osRelease);
  const ways = tool === criuTool ? ofDistribution(distribution) : [];
  // The keys are a package of their own.
  if (reason.includes(KEYRING)) ways.push(`sudo apt-get install ${KEYRING}, and then: ${setupAgain(tool, place)}`);
  const program = containerProgram(directories);
  ways.push(
    `${program ? `With ${program}` : "With podman or docker installed"}: ${setupAgain(tool, place, "--from-image")}`,
  );
  return ways;
}

/** The command that tries once more to unpack a tool in this place. */
export function setupAgain(tool: Tool, place: string, ...options: string[]): string {
  return commandLine(["setup", ...(tool === vulkanTool ? ["--gpu"] : []), ...prefixOptions(place), ...options]);
}

function ofDistribution({ name, ids, version }: Distribution): string[] {
  const id = ids.find((one) => packagers[one]);
  if (id === undefined) return [];
  const { install, since } = packagers[id] as Packager;
  if (id !== ids[0] || since === Number.POSITIVE_INFINITY) return [`${install}   (if that is CRIU 4.2 or newer)`];
  return version >= since ? [`${install}   (${name} has CRIU 4.2)`] : [];
}

function read(osRelease: string): Distribution {
  const value = (key: string): string =>
    printable(new RegExp(`^${key}=(["']?)(.*)\\1$`, "m").exec(osRelease)?.[2] ?? "", 100);
  const [id = "", like = ""] = [value("ID"), value("ID_LIKE")];
  // OpenSUSE calls itself opensuse-tumbleweed, like "opensuse suse".
  return { name: value("PRETTY_NAME") || id, ids: [id, ...like.split(" ")], version: Number(value("VERSION_ID")) || 0 };
}

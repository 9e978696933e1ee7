import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { checkoutTools, PREFIX_VARIABLE, toolPlaces } from "../criu/places.ts";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import { type Tool, vulkanTool } from "../setup/tools.ts";
import type { Source } from "../setup/unpack.ts";
import { cancelOnSignal } from "./cancel.ts";
import { checkLines } from "./check.ts";
import { exitCodes } from "./exit_codes.ts";
import { type Report, reporting, say } from "./report.ts";
import type { ExaminedTool } from "./setup_checks.ts";
import { subcommand } from "./subcommand.ts";

interface Flags {
  readonly check?: true;
  readonly gpu?: true;
  readonly prefix?: string;
  readonly update?: true;
  readonly fromImage?: string | true;
}

/** `criu-aware setup` */
export function setup(): Command {
  return subcommand("setup", "get a CRIU that works here; the system stays as it is", [
    "criu-aware setup",
    "criu-aware setup --check --json",
    "criu-aware setup --gpu --prefix /srv/tools",
    "criu-aware setup --from-image",
  ])
    .option("--gpu", "also a Vulkan device in software, for WebGPU without a GPU")
    .option("--prefix <dir>", "where to (default: /opt/criu-aware for root, otherwise the user's XDG data home)")
    .option("--update", "unpack anew what is there and works")
    .addOption(
      new Option("--from-image [image]", "unpack in a container, by podman or docker (default: one of Debian)"),
    )
    .addOption(
      new Option("--check", "say what is there and whether it works; change nothing").conflicts([
        "update",
        "fromImage",
      ]),
    )
    .action(reporting(setUp));
}

async function setUp(flags: Flags): Promise<Report> {
  if (process.platform !== "linux") {
    throw new UsageError("CRIU exists on Linux only. Here test your resources with: criu-aware/simulate");
  }
  const { examineCriu, examineVulkan } = await import("./setup_checks.ts");
  const places = flags.prefix === undefined ? undefined : [resolve(flags.prefix)];
  const examine = (): Promise<ExaminedTool[]> =>
    Promise.all([examineCriu(places), ...(flags.gpu ? [examineVulkan(places)] : [])]);
  let found = await examine();
  const lacking = flags.check ? [] : found.filter((tool) => flags.update || fails(tool));
  if (lacking.length > 0) {
    await installAll(
      lacking.map(({ tool }) => tool),
      flags,
    );
    found = await examine();
  }
  const works = !found.some(fails);
  return {
    value: { works, tools: found.map(({ tool, ...rest }) => ({ name: tool.name, ...rest })) },
    text: [...checkLines(found.flatMap(({ checks }) => checks)), ...hints(found, places)].join("\n"),
    exitCode: works ? exitCodes.done : exitCodes.failed,
  };
}

const fails = ({ checks }: ExaminedTool): boolean => checks.some(({ verdict }) => verdict === "fails");

/** Installs at once; of several failures the first counts, once all have ended. */
async function installAll(tools: readonly Tool[], { prefix: wanted, fromImage }: Flags): Promise<void> {
  const { install, openPrefix } = await import("../setup/install.ts");
  const source = fromImage === undefined ? "apt" : await container(fromImage);
  using prefix = await openPrefix(wanted ?? (toolPlaces()[0] as string));
  const unchanged = "nothing has changed";
  using cancel = cancelOnSignal({ cancelled: unchanged, left: unchanged, when: "the set-up" }, () => {});
  const ends = await Promise.allSettled(
    tools.map((tool) => {
      say(`criu-aware setup: unpacking ${tool.title} in ${printable(prefix.path)} …`);
      return install(tool, prefix, source, cancel.signal);
    }),
  );
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function container(image: string | true): Promise<Source> {
  const { containerProgram, DEBIAN_IMAGE } = await import("../setup/other_ways.ts");
  const program = containerProgram();
  if (program) return { program, image: image === true ? DEBIAN_IMAGE : image };
  throw new UsageError("Cannot unpack from an image: neither podman nor docker is on the PATH. Install podman.");
}

/** How what was found is used. */
function hints(found: readonly ExaminedTool[], places: readonly string[] | undefined): string[] {
  const elsewhere = places?.find((place) => !toolPlaces().includes(place));
  const prefix = elsewhere === undefined ? [] : ["", `Every command finds it with ${PREFIX_VARIABLE}=${elsewhere}`];
  const environments = found.flatMap(({ path, environment = {} }) =>
    // What runs in a checkout sets them itself.
    path === join(checkoutTools() ?? "", vulkanTool.name)
      ? []
      : Object.entries(environment).map(([name, value]) => `  export ${name}=${value}`),
  );
  return [...prefix, ...(environments.length > 0 ? ["", "For programs that use WebGPU:", ...environments] : [])];
}

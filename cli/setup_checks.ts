import { dirname } from "node:path";
import { prefixOptions } from "../criu/places.ts";
import { commandLine, rootCommandLine } from "../package/invocation.ts";
import { criuTool, type Tool, vulkanTool } from "../setup/tools.ts";
import { findVulkan, vulkanEnvironment } from "../setup/vulkan.ts";
import { tryVulkan } from "../setup/vulkan_trial.ts";
import type { Check } from "./check.ts";
import { locationOf, missingForAnyDump, trialOf } from "./criu_checks.ts";

/** A tool that was looked for, and tried. */
export interface ExaminedTool {
  readonly tool: Tool;
  readonly checks: readonly Check[];
  readonly path?: string;
  /** The variables that lead a program to it. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Looks at CRIU, in these places or wherever commands look for it. Where it cannot be tried, that is no failure. */
export async function examineCriu(places?: readonly string[]): Promise<ExaminedTool> {
  const { check, path } = locationOf(undefined, places);
  if (path === undefined) return { tool: criuTool, checks: [check] };
  return { tool: criuTool, checks: [check, await trialWhereItMay(path, places)], path };
}

async function trialWhereItMay(criu: string, places: readonly string[] = []): Promise<Check> {
  const again = ["setup", "--check", ...places.flatMap(prefixOptions)];
  const cannot = (found: string, cure: string): Check => ({ name: "trial", verdict: "note", found, cure });
  if (process.geteuid?.() !== 0) return cannot("not tried: CRIU needs root", `Run: ${rootCommandLine(again)}`);
  const trial = await trialOf(criu, places);
  const missing = missingForAnyDump();
  if (trial.verdict === "ok" || missing.length === 0) return trial;
  // As in the build of a container's image: the containers may have them.
  return cannot(`cannot be tried without ${missing.join(", ")}`, `Where these are given, run: ${commandLine(again)}`);
}

/** Looks at the Vulkan device in software. */
export async function examineVulkan(places?: readonly string[]): Promise<ExaminedTool> {
  const name = "vulkan";
  const vulkan = findVulkan(places);
  if (!vulkan) {
    const cure = `Run: ${commandLine(["setup", "--gpu", ...(places ?? []).flatMap(prefixOptions)])}`;
    return { tool: vulkanTool, checks: [{ name, verdict: "fails", found: "the software device is missing", cure }] };
  }
  const { works, why } = await tryVulkan(vulkan);
  const verdicts = { true: "ok", false: "fails", undefined: "note" } as const;
  return {
    tool: vulkanTool,
    checks: [
      { name, verdict: "ok", found: dirname(dirname(vulkan.icd)) },
      { name: "webgpu", verdict: verdicts[`${works}`], found: why },
    ],
    path: dirname(dirname(vulkan.icd)),
    environment: vulkanEnvironment(vulkan.icd, vulkan),
  };
}

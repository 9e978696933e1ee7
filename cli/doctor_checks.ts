import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { release } from "node:os";
import { errorsIn } from "../criu/log.ts";
import { onPath } from "../ffi/on_path.ts";
import { printable } from "../ffi/printable.ts";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { commandLine, rootCommandLine } from "../package/invocation.ts";
import type { Check } from "./check.ts";
import { locationOf, missingCapabilities, trialOf } from "./criu_checks.ts";
import { CONFIGURATION_DIR, configurationFile, hookTargets, installedHook } from "./hook_file.ts";

/** Examines this machine from the kernel up to a real dump. What stands on something that fails is left out. */
export async function examine(criu?: string): Promise<Check[]> {
  // What CRIU, a configuration file and the environment say is in it.
  return (await checksOf(criu)).map((check) => ({ ...check, found: printable(check.found) }));
}

async function checksOf(criu: string | undefined): Promise<Check[]> {
  if (process.platform !== "linux") {
    const cure = "test your resources with: criu-aware/simulate";
    return [{ name: "system", verdict: "fails", found: `${process.platform}: CRIU exists on Linux only`, cure }];
  }
  const checks = [system(), rights()];
  const { check, path } = locationOf(criu);
  checks.push(check);
  // What CRIU says without the right to look is not true.
  const mayLook = path !== undefined && checks.every(({ verdict }) => verdict !== "fails");
  if (mayLook) checks.push(ownCheck(path), ...features(path), await trialOf(path), kernelCache());
  return [...checks, ...hooks()];
}

function system(): Check {
  const found = `Linux ${release()}, ${process.arch}`;
  if (!existsSync("/proc/self/task")) return { name: "system", verdict: "fails", found, cure: "mount /proc" };
  return { name: "system", verdict: "ok", found };
}

function rights(): Check {
  const name = "rights";
  if (process.geteuid?.() !== 0) {
    return {
      name,
      verdict: "fails",
      found: `user ${process.geteuid?.()}; CRIU needs root`,
      cure: `run: ${rootCommandLine(["doctor"])}`,
    };
  }
  const missing = missingCapabilities();
  if (missing.length === 0) return { name, verdict: "ok", found: "root, with all capabilities that CRIU uses" };
  const found = `root, without ${missing.join(", ")}`;
  return { name, verdict: "note", found, cure: "start the container with them, if a dump needs them: capabilities(7)" };
}

function ownCheck(criu: string): Check {
  const { status, stdout, stderr } = run(criu, ["check"]);
  const name = "criu check";
  if (status === 0) return { name, verdict: "ok", found: (stdout.trim() || stderr.trim()).split("\n")[0] ?? "" };
  const [error = `exit code ${status}`] = errorsIn(stderr);
  return { name, verdict: "note", found: error, cure: "the trial below decides; the kernel may lack an option" };
}

/** Features of the kernel, as `criu check --feature` knows them, and who misses them. */
const kernelFeatures: readonly [feature: string, name: string, without: string][] = [
  ["mem_dirty_track", "dirty memory", "no incremental dumps (--track-mem): CONFIG_MEM_SOFT_DIRTY"],
  ["uffd-noncoop", "lazy pages", "no lazy restore (restore --lazy): CONFIG_USERFAULTFD"],
  ["timens", "time namespace", "clocks jump at a restore: CONFIG_TIME_NS"],
];

function features(criu: string): Check[] {
  const has = (feature: string): boolean => run(criu, ["check", "--feature", feature]).status === 0;
  const checks = kernelFeatures.map(([feature, name, without]): Check => {
    if (has(feature)) return { name, verdict: "ok", found: "in this kernel" };
    return { name, verdict: "note", found: without };
  });
  return [...checks, networkLock(has("network_lock_nftables"))];
}

function networkLock(nftables: boolean): Check {
  const name = "network lock";
  if (onPath("iptables")) return { name, verdict: "ok", found: "iptables" };
  const cure = "for containers with their own network: a line `network-lock nftables` in runc.conf";
  if (nftables) return { name, verdict: "note", found: "no iptables here; nftables works", cure };
  return { name, verdict: "note", found: "neither iptables nor nftables", cure: "install iptables or nftables" };
}

/** Where CRIU keeps what it found out about the kernel, if that is a tmpfs (CRIU's kerndat.c). */
const KERNEL_CACHE = "/run/criu.kdat";

/** To be called when CRIU has run. */
function kernelCache(): Check {
  const name = "kernel cache";
  if (existsSync(KERNEL_CACHE)) return { name, verdict: "ok", found: KERNEL_CACHE };
  const found = "CRIU examines the kernel at each start, which can take half of a restore: /run is no tmpfs";
  return { name, verdict: "note", found, cure: "mount -t tmpfs tmpfs /run; for a container: --tmpfs /run" };
}

function hooks(): Check[] {
  const found = hookTargets.flatMap((target) => {
    const path = configurationFile(target, CONFIGURATION_DIR);
    const script = installedHook(readOrEmpty(path));
    return script === undefined ? [] : [{ path, script }];
  });
  const name = "hook";
  if (found.length === 0) {
    return [
      { name, verdict: "ok", found: `not installed; it is for dumps by others: ${commandLine(["hook", "install"])}` },
    ];
  }
  return found.map(({ path, script }): Check => {
    if (existsSync(script)) return { name, verdict: "ok", found: `in ${path}` };
    const missing = `${path} names ${script}, which is not there: every dump fails`;
    return { name, verdict: "fails", found: missing, cure: `${commandLine(["hook", "install"])}, or hook uninstall` };
  });
}

function run(program: string, args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

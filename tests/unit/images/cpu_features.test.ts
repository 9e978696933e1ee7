/** What a CPU lacks, and whether a restore minds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CpuCap, lackingFeatures } from "../../../images/cpu_features.ts";
import { checkManifest, describeMachine, type Machine, writeManifest } from "../../../images/mod.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { writeImages } from "../../support/written_images.ts";

function machine(cpuFeatures: string, arch = "x86_64"): Machine {
  return { kernel: "6.1", arch, cpu: "", cpuFeatures: cpuFeatures.split(" "), gpus: [] };
}

test("a flag that only costs speed is a note, and no reason against a restore", async () => {
  const then = machine("sse2 erms fsrm cldemote rep_good hypervisor");
  const lacking = { needed: [], excused: [], faster: ["erms", "fsrm", "cldemote"] };
  assert.deepEqual(lackingFeatures(then, machine("sse2")), lacking);
  const { needed, faster } = lackingFeatures(machine("fp asimd evtstrm crc32", "aarch64"), machine("fp", "aarch64"));
  assert.deepEqual({ needed, faster }, { needed: ["asimd", "crc32"], faster: ["evtstrm"] });

  using directory = temporaryDirectory();
  writeImages(directory.path, {});
  const own = describeMachine();
  const facts = { criu: "4.2.1", noticeId: undefined, apps: [], leftRunning: false, criuOptions: {}, programs: [] };
  await writeManifest(directory.path, { ...facts, machine: { ...own, ...machine("sse2 erms"), arch: own.arch } });
  const problems = await checkManifest(directory.path, { machine: { ...own, cpuFeatures: ["sse2"] } });
  const shown = problems.map(({ severity, kind, what }) => `${severity} ${kind}: ${what}`);
  if (own.arch === "x86_64") {
    assert.deepEqual(shown, ["warning cpu: This CPU lacks what makes a program faster, and no program needs: erms"]);
  }
});

test("what of the CPU must be the same is for --cpu-cap to say", () => {
  const found = (cpuCap?: CpuCap): object => {
    const { needed, excused } = lackingFeatures(machine("sse2 avx2 popcnt"), machine("sse2"), cpuCap);
    return { needed, excused };
  };
  for (const all of [undefined, "ins", "cpu", "all"] as const) {
    assert.deepEqual(found(all), { needed: ["avx2", "popcnt"], excused: [] });
  }
  assert.deepEqual(found("fpu"), { needed: ["avx2"], excused: ["popcnt"] });
  assert.deepEqual(found("none"), { needed: [], excused: ["avx2", "popcnt"] });
});

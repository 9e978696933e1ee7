import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { printable } from "../ffi/printable.ts";
import type { DescribedTensor, StateDescription } from "../gpu/state/describe.ts";
import { exitCodes } from "./exit_codes.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { subcommand } from "./subcommand.ts";
import { bytes, count } from "./units.ts";

/** A slot of a process, or a file: what is in it, or why it cannot be read. */
interface Slot {
  readonly name: string;
  readonly path: string;
  readonly state?: StateDescription;
  readonly problem?: string;
}

/** `criu-aware state` */
export function state(): Command {
  return subcommand("state", "show and verify the saved tensors of a file or a process", [
    "criu-aware state 1234",
    "criu-aware state /dev/shm/trainer.0",
    "criu-aware state 1234 --export state.safetensors",
  ])
    .argument(
      "<file|pid>",
      "a safetensors file, or a process with a GPU state; a number is a pid, a file of that name is ./1234",
    )
    .option("--export <file>", "write the newest valid state there, for any safetensors reader")
    .addHelpText("after", "\nExit code 1: no state is valid.")
    .action(reporting(runState));
}

async function runState(target: string, flags: { export?: string }): Promise<Report> {
  const slots = await look(target);
  const valid = slots.filter(({ state }) => state?.valid);
  const newest = valid.sort((a, b) => (b.state?.generation ?? 0) - (a.state?.generation ?? 0))[0];
  if (flags.export !== undefined && newest) await exportTo(newest, flags.export);
  const texts = await Promise.all(slots.map((slot) => asText(slot, slot === newest && slots.length > 1)));
  const exported = flags.export !== undefined && newest ? [`Written to ${printable(flags.export)}.`] : [];
  return {
    value: {
      slots,
      newest: newest?.path ?? null,
      ...(exported.length > 0 ? { exported: resolve(String(flags.export)) } : {}),
    },
    text: [...texts, ...exported].join("\n\n"),
    exitCode: newest ? exitCodes.done : exitCodes.failed,
  };
}

async function look(target: string): Promise<Slot[]> {
  const { UsageError } = await import("../criu/usage_error.ts");
  // Whoever may write to this directory must not choose what a pid means.
  if (!/^\d+$/.test(target)) {
    if (!existsSync(target)) throw new UsageError(`There is no file ${target}.`);
    return [await read(target, resolve(target))];
  }
  const { findSegments } = await import("../gpu/state/find_segments.ts");
  if (!existsSync(`/proc/${target}`))
    throw new UsageError(`There is no process ${target}. For a file of this name, say ./${target}`);
  const found = findSegments(Number(target));
  if (found.length === 0) throw new Error(`Process ${target} holds no GPU state: it opens one by openState().`);
  return Promise.all(found.map(({ name, path }) => read(name, path)));
}

async function read(name: string, path: string): Promise<Slot> {
  const { describeState } = await import("../gpu/state/describe.ts");
  const { StateError } = await import("../gpu/state/state_error.ts");
  try {
    return { name, path, state: describeState(path) };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return { name, path, problem: error.message };
  }
}

/** What is written is verified again: the process may be saving. */
async function exportTo({ path }: Slot, file: string): Promise<void> {
  const { ownPlace } = await import("../ffi/own_file.ts");
  const { describeState } = await import("../gpu/state/describe.ts");
  const { openStateFile } = await import("../gpu/state/state_file.ts");
  const { writeWhole } = await import("../gpu/state/write_whole.ts");
  const place = ownPlace(file);
  using source = openStateFile(path);
  writeWhole(place, source.pieces(), (temporary) => {
    if (!describeState(temporary).valid) {
      throw new Error(`Cannot export ${printable(path)}: it was saved to meanwhile. Try again.`);
    }
  });
}

async function asText({ name, path, state, problem }: Slot, isNewest: boolean): Promise<string> {
  const { table } = await import("./table.ts");
  const title = paint("bold", printable(name === "memfd" ? path : name));
  // It names the file.
  if (!state) return paint("red", printable(problem ?? ""));
  const { generation, tensors, references } = state;
  const facts = [
    generation === undefined ? "not saved by criu-aware" : `generation ${generation}`,
    count(tensors.length, "tensor"),
    bytes(state.bytes),
    ...(isNewest ? ["the newest valid one"] : []),
  ];
  const rows = tensors.map((tensor) => [
    printable(tensor.name),
    tensor.dtype,
    `[${tensor.shape.join(", ")}]`,
    bytes(tensor.bytes),
    `${tensor.checksum}${wordFor(tensor)}`,
  ]);
  const kept = references.map((reference) => [
    printable(reference.name),
    reference.dtype.toUpperCase(),
    `[${reference.shape.join(", ")}]`,
    "-",
    `in ${printable(reference.path)}`,
  ]);
  const columns = await table(["name", "type", "shape", "bytes", "crc32"], [...rows, ...kept]);
  return [`${title}: ${facts.join(", ")}`, columns].join("\n");
}

function wordFor({ valid }: DescribedTensor): string {
  if (valid === undefined) return "";
  return valid ? paint("green", " ok") : paint("red", " corrupt");
}

#!/usr/bin/env bun
/**
 * Tries all that this library does with an NVIDIA GPU, on a machine that has one, without a network: bun scripts/gpu_check.ts
 *
 * Prints a table of speeds and, as root, of checkpoints by CRIU. Where something is missing it says what, a line each, and the
 * exit code is 1; so it is when a byte came back wrong.
 */
import { chalk } from "zx";
import { type Cuda, type GpuInfo, listGpus } from "../ffi/libcuda.ts";
import { cuda as openGpu } from "../gpu/cuda/mod.ts";
import { openDevice } from "../gpu/open_device.ts";
import { busSpeed } from "./gpu_check/bus.ts";
import { measureDevice, measurePlain } from "./gpu_check/measure.ts";
import { findAll } from "./gpu_check/missing.ts";
import { positive, program, report } from "./gpu_check/program.ts";
import { type PassageRow, passageTable, type Row, speedTable } from "./gpu_check/tables.ts";
import { throughCriu, ways } from "./gpu_check/through_criu.ts";

const MIB = 2 ** 20;
const options = program("gpu_check", "Save, restore and checkpoint state on every NVIDIA GPU of this machine.")
  .option("--size <mib...>", "how much to carry, in MiB (default: 64 and 1024)", (text, all: number[] = []) => [
    ...all,
    positive(text),
  ])
  .option("--no-criu", "leave out the checkpoints by CRIU")
  .option("--no-webgpu", "leave out WebGPU")
  .option("--library <path>", "another libcuda; tests have a fake")
  .option("--json", "print the result as one JSON object", false)
  .parse();
const { size, criu, webgpu, library, json } = options.opts();
const sizes = ((size ?? [64, 1024]) as number[]).map((mib) => mib * MIB);
const driver = library === undefined ? {} : { library };

const rows: Row[] = [];
const passages: PassageRow[] = [];
const failed: string[] = [];

await report(options.name(), async () => {
  const { cuda, needed, forCriu } = await findAll(driver);
  const missing = [...needed, ...(criu ? forCriu : [])];
  const gpus = cuda && needed.length === 0 ? listGpus(cuda) : [];
  for (const [gpu, info] of gpus.entries()) {
    for (const bytes of sizes) {
      rows.push(await measureCuda(cuda as Cuda, gpu, info, bytes));
      if (!criu || forCriu.length > 0) continue;
      for (const way of ways) {
        try {
          passages.push({ device: info.name, bytes, ...(await throughCriu(way, { ...driver, gpu, bytes })) });
        } catch (error) {
          failed.push(`${info.name}, ${way}: ${(error as Error).message}`);
        }
      }
    }
  }
  // Without a GPU WebGPU would run in software, which proves nothing here.
  if (webgpu && gpus.length > 0) rows.push(...(await measureWebGpu(missing)));

  if (json) console.log(JSON.stringify({ driver: cuda?.version, missing, failed, rows, passages }));
  else print(cuda, missing);
  const wrong = [...rows, ...passages].some(({ exact }) => !exact);
  process.exitCode = missing.length + failed.length > 0 || wrong ? 1 : 0;
});

async function measureCuda(cuda: Cuda, gpu: number, info: GpuInfo, bytes: number): Promise<Row> {
  using device = await openGpu({ ...driver, gpu });
  const bus = busSpeed(info);
  const row = { device: info.name, bytes, ...(await measureDevice(device, bytes)) };
  return { ...row, plain: measurePlain(cuda, gpu, bytes), ...(bus === undefined ? {} : { bus }) };
}

async function measureWebGpu(missing: string[]): Promise<Row[]> {
  try {
    using device = await openDevice("webgpu");
    const largest = device.limits?.maxBufferBytes ?? Number.POSITIVE_INFINITY;
    const fitting = sizes.filter((bytes) => bytes <= largest);
    const rows: Row[] = [];
    for (const bytes of fitting) rows.push({ device: "WebGPU", bytes, ...(await measureDevice(device, bytes)) });
    return rows;
  } catch (error) {
    missing.push((error as Error).message);
    return [];
  }
}

function print(cuda: Cuda | undefined, missing: readonly string[]): void {
  if (cuda) console.log(`CUDA ${cuda.version}`);
  if (library) console.log(chalk.yellow(`${library} is not the driver's library: no figure here is one of a GPU.`));
  if (rows.length > 0) console.log(speedTable(rows));
  if (passages.length > 0) console.log(passageTable(passages));
  for (const line of failed) console.log(`${chalk.red("failed")} ${line}`);
  for (const line of missing) console.log(`${chalk.red("missing")} ${line}`);
}

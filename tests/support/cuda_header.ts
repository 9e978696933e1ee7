import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "./temporary_directory.ts";

/** The folder of the toolkit's cuda.h; undefined when there is none. */
export function cudaInclude(): string | undefined {
  const toolkits = existsSync("/usr/local") ? readdirSync("/usr/local").filter((name) => name.startsWith("cuda")) : [];
  const homes = [process.env.CUDA_HOME, process.env.CUDA_PATH, ...toolkits.map((name) => `/usr/local/${name}`), "/usr"];
  return homes
    .filter((home) => home !== undefined)
    .map((home) => join(home, "include"))
    .find((include) => existsSync(join(include, "cuda.h")));
}

/** What the C compiler says of a file with cuda.h at hand; "" when it has nothing against it. */
export function compileWithCuda(source: string, output: string, ...flags: readonly string[]): string {
  const args = ["-std=gnu11", "-Werror", "-I", cudaInclude() as string, ...flags, "-o", output, source];
  const { status, stderr } = spawnSync("cc", args, { encoding: "utf8" });
  return status === 0 ? "" : stderr;
}

/** What C expressions over cuda.h are, as integers. */
export function evaluateCuda(expressions: readonly string[]): Record<string, bigint> {
  using directory = temporaryDirectory();
  const [source, program] = [join(directory.path, "a.c"), join(directory.path, "a")];
  const lines = expressions.map((expression) => `  printf("%lld\\n", (long long)(${expression}));`);
  const includes = ["cuda.h", "stddef.h", "stdio.h"].map((header) => `#include <${header}>`);
  writeFileSync(source, [...includes, "int main(void) {", ...lines, "}"].join("\n"));
  const problems = compileWithCuda(source, program);
  if (problems) throw new Error(problems);
  const values = spawnSync(program, { encoding: "utf8" }).stdout.trim().split("\n");
  return Object.fromEntries(expressions.map((expression, i) => [expression, BigInt(values[i] as string)]));
}

/**
 * The parameters of the functions that cuda.h exports, by the names that the driver has, in the types of our tables. Where we
 * pass an address as a number or as a buffer is our choice: both are `address`.
 */
export function prototypes(): Map<string, string[]> {
  const text = readFileSync(join(cudaInclude() as string, "cuda.h"), "utf8");
  const versioned = new Map(
    [...text.matchAll(/^\s*#\s*define (cu\w+)\s+(?:__CUDA_API_PT[SD]Z\()?(cu\w+)\)?$/gm)].map(
      ([, name, exported]) => [name as string, exported as string] as const,
    ),
  );
  const found = [...text.matchAll(/^CUresult CUDAAPI (cu\w+)\(([^)]*)\);/gm)];
  return new Map(
    found.map(([, name, parameters]) => [
      versioned.get(name as string) ?? (name as string),
      (parameters as string) === "void" ? [] : (parameters as string).split(",").map(typeOf),
    ]),
  );
}

const types: Readonly<Record<string, string>> = {
  int: "i32",
  CUdevice: "i32",
  CUresult: "i32",
  "unsigned int": "u32",
  "unsigned char": "u32",
  size_t: "address",
  CUdeviceptr: "u64",
  CUcontext: "address",
  CUstream: "address",
  CUevent: "address",
};

function typeOf(parameter: string): string {
  if (parameter.includes("*")) return "address";
  const type = parameter
    .trim()
    .replace(/^const /, "")
    .replace(/\s*\w+$/, "");
  return types[type] ?? type;
}

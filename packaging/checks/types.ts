import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Check, output } from "../check.ts";
import { copySamples, entryPoints, install, tool } from "../project.ts";

const bundler = { module: "preserve", moduleResolution: "bundler", target: "esnext" };
/** What `tsc --init` writes. */
const initial = {
  module: "nodenext",
  target: "esnext",
  types: [],
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  noUncheckedSideEffectImports: true,
};
const strictest = {
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  erasableSyntaxOnly: true,
};

/** The projects of users, all strict. None sets `customConditions` or `allowImportingTsExtensions`. */
const projects: Readonly<Record<string, object>> = {
  "tsc --init": initial,
  "tsc --init, skipLibCheck": { ...initial, skipLibCheck: true },
  "tsc --init, Node.js": { ...initial, lib: ["esnext"], types: ["node"] },
  bundler: { ...bundler, types: [] },
  "bundler, strictest": { ...bundler, ...strictest, types: [] },
  "bundler, without the DOM": { ...bundler, ...strictest, lib: ["esnext"], types: ["node"] },
  "an older target": { ...bundler, target: "es2022", lib: ["es2022", "dom"], types: [] },
};
/** These have types of WebGPU. */
const withWebGpu: Readonly<Record<string, object>> = {
  "@webgpu/types": { ...bundler, types: ["node", "@webgpu/types"], lib: ["esnext"], skipLibCheck: true },
  "the DOM's WebGPU": { ...bundler, types: [] },
};

export const check: Check = {
  name: "types: every entry point, in every kind of TypeScript project",
  async run(packed) {
    const { directory, folder, root } = packed;
    // TypeScript 7 comes with this project; many still have 5.9.
    await install(packed, ["typescript@5.9", "@types/node", "@webgpu/types"]);
    copySamples(packed, "every_entry.ts", "own_gpu_types.ts");
    const sample = readFileSync(join(directory, "every_entry.ts"), "utf8");
    const forgotten = entryPoints(folder).filter((entry) => !sample.includes(`"${entry}"`));
    if (forgotten.length > 0) throw new Error(`samples/every_entry.ts does not import ${forgotten.join(", ")}`);

    const failures: string[] = [];
    const compile = async (name: string, options: object, files: readonly string[], tsc: readonly string[]) => {
      const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, ...options };
      writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
      await output([...tsc], { cwd: directory }).catch((error) => failures.push(`${name}: ${error.message}`));
    };
    const seven = [tool(root, "tsc")];
    for (const [name, options] of Object.entries(projects)) await compile(name, options, ["every_entry.ts"], seven);
    for (const [name, options] of Object.entries(withWebGpu))
      await compile(name, options, ["every_entry.ts", "own_gpu_types.ts"], seven);
    const five = ["node", "node_modules/typescript/bin/tsc"];
    await compile("TypeScript 5.9", { ...initial, lib: ["esnext"], types: ["node"] }, ["every_entry.ts"], five);
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return `${Object.keys({ ...projects, ...withWebGpu }).length} kinds by TypeScript 7, one by 5.9`;
  },
};

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RuntimeName, runCommand } from "../../tests/support/runtimes.ts";
import { totalOf, writeModules } from "./modules.ts";

const root = join(import.meta.dirname as string, "../..");
/** What the packages bring is less than what is wanted. */
const GENERATED = 900;
const LEAST_MODULES = 1000;

/** How a program can be started, the usual way first. */
export interface Start {
  readonly name: string;
  readonly command: readonly string[];
  /** What its environment has besides. */
  readonly env: () => Readonly<Record<string, string>>;
}

/** The program that is measured, in a directory of its own below the checkout, where its packages are found. Disposal removes it. */
export class Program implements Disposable {
  /** It is in the command line of whatever is started from here. */
  readonly directory: string;
  /** How many modules it loads. */
  readonly modules: number;
  /** What the server's modules compute. */
  readonly total: number = totalOf(GENERATED);
  readonly #main: string;

  private constructor(directory: string, modules: number) {
    this.directory = directory;
    this.modules = modules;
    this.#main = join(directory, "main.ts");
  }

  static async write(): Promise<Program> {
    mkdirSync(join(root, "reports"), { recursive: true });
    const directory = mkdtempSync(join(root, "reports/startup-"));
    writeModules(join(directory, "modules"), GENERATED);
    const server = JSON.stringify(join(import.meta.dirname as string, "server.ts"));
    const text = `import { serve } from ${server};\nimport { total } from './modules/index.ts';\n\nvoid serve(total);\n`;
    writeFileSync(join(directory, "main.ts"), text);
    const { metafile } = await bundle(directory, "bun");
    await bundle(directory, "deno");
    const modules = Object.keys(metafile?.inputs ?? {}).length;
    if (modules < LEAST_MODULES) throw new Error(`the program has ${modules} modules, fewer than ${LEAST_MODULES}`);
    return new Program(directory, modules);
  }

  /** The ways to start it. */
  starts(runtime: RuntimeName): readonly Start[] {
    const run = (file: string): string[] => [...runCommand[runtime], join(this.directory, file)];
    const none = (): Record<string, string> => ({});
    if (runtime === "bun") {
      return [
        { name: "cold", command: run("main.ts"), env: none },
        { name: "bundled", command: run("bun.js"), env: none },
        { name: "compiled, bytecode", command: [this.#compiled()], env: none },
      ];
    }
    const cache = join(this.directory, "deno");
    const DENO_DIR = (name: string) => (): Record<string, string> => ({ DENO_DIR: join(cache, name) });
    let starts = 0;
    return [
      { name: "cold", command: run("main.ts"), env: () => DENO_DIR(`cold${starts++}`)() },
      { name: "warm DENO_DIR", command: run("main.ts"), env: DENO_DIR("warm") },
      { name: "bundled, warm DENO_DIR", command: run("deno.js"), env: DENO_DIR("warm") },
    ];
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #compiled(): string {
    const file = join(this.directory, "compiled");
    const [bun] = runCommand.bun as [string];
    execFileSync(bun, ["build", "--compile", "--bytecode", "--minify", this.#main, "--outfile", file], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    return file;
  }
}

function bundle(directory: string, runtime: RuntimeName): ReturnType<typeof Bun.build> {
  return Bun.build({
    entrypoints: [join(directory, "main.ts")],
    outdir: directory,
    naming: `${runtime}.js`,
    minify: true,
    metafile: true,
    ...(runtime === "bun" ? { target: "bun" } : { target: "node", conditions: ["deno"] }),
  });
}

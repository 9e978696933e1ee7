import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npmInstall, tool } from "./project.ts";

/** The program of an older version of a runtime, from npm. It is kept in `.tools/`, for the next check. */
export async function oldRuntime(root: string, name: "bun" | "deno", version: string): Promise<string> {
  const kept = join(root, ".tools/runtimes", `${name}-${version}`);
  if (!existsSync(kept)) {
    mkdirSync(join(kept, ".."), { recursive: true });
    const place = mkdtempSync(`${kept}-`);
    try {
      writeFileSync(join(place, "package.json"), JSON.stringify({ private: true }));
      await npmInstall(place, [`${name}@${version}`]);
      // Another check may have been faster.
      if (!existsSync(kept)) renameSync(place, kept);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }
  return tool(kept, name);
}

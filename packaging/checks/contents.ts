import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Check } from "../check.ts";
import { filesOf } from "../contents.ts";
import { pathsIn } from "../manifest.ts";
import { importsOf, urlsOf } from "../prune.ts";

/** What the tarball may hold. */
const allowed = [
  /^(package\.json|README\.md|CHANGELOG\.md|SECURITY\.md|LICENSE)$/,
  /^([a-z]+)\.(js|js\.map|d\.ts)$/,
  /^cli\.(all|restore)\.js$/,
  /^cli\.licences\.txt$/,
  // The command itself is in the modules above; `testing` starts programs as it does.
  /^cli\/(exit_codes|launch|report|require_program|wrap)\.(js|js\.map)$/,
  /^(blockers|criu|driver|evidence|ffi|gpu|images|lifecycle|package|page|protobuf|resources|setup|strategies|testing)\/[a-z0-9_/]+\.(js|js\.map|d\.ts)$/,
  /^criu\/hook\.sh$/,
  /^setup\/[a-z_]+\.sh$/,
  /^docs\/(resources\/)?[a-z-]+\.md$/,
  /^scripts\/(dump|restore|status)\.ts$/,
];
const MOST_BYTES = 1_350_000;

export const check: Check = {
  name: "the tarball holds nothing unneeded, and all that it refers to",
  async run({ tarball, folder }) {
    const wrong: string[] = [];
    for (const [file] of filesOf(folder)) {
      if (!allowed.some((pattern) => pattern.test(file))) wrong.push(`${file} is not needed`);
      const text = readFileSync(join(folder, file), "utf8");
      if (file.endsWith(".map") && !JSON.parse(text).sourcesContent?.[0]) wrong.push(`${file} has no source in it`);
      if (!/\.(js|d\.ts)$/.test(file)) continue;
      for (const path of [...importsOf(text), ...(file.endsWith(".js") ? urlsOf(text) : [])]) {
        const target = join(folder, dirname(file), file.endsWith(".d.ts") ? path.replace(/\.js$/, ".d.ts") : path);
        if (!existsSync(target)) wrong.push(`${file} refers to ${path}, which is not there`);
      }
    }
    const { exports, imports, bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    for (const path of pathsIn([exports, imports, bin]))
      if (!existsSync(join(folder, path))) wrong.push(`package.json refers to ${path}, which is not there`);
    for (const path of pathsIn([bin]))
      if (!readFileSync(join(folder, path), "utf8").startsWith("#!")) wrong.push(`${path} does not begin with #!`);
    const { size } = statSync(tarball);
    if (size > MOST_BYTES) wrong.push(`the tarball has ${size} bytes, more than ${MOST_BYTES}`);
    if (wrong.length > 0) throw new Error(wrong.join("\n"));
    return `${Math.round(size / 1000)} kB`;
  },
};

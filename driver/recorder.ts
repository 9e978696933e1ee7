/**
 * Writes the manifest of a dump whose driver has ended with it: `recorder.ts IMAGES_DIR FACTS WORK_DIR [--remove]`, started by the
 * orphan that drives CRIU for checkpoint().
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { writeManifest } from "../images/write_manifest.ts";
import { readMark, removeMark } from "./images_dir.ts";
import { DENO_CACHE, moveIntoImages } from "./work_dir.ts";

const [imagesDir, facts, workDir, remove] = process.argv.slice(2) as [string, string, string, string?];
moveIntoImages(workDir, imagesDir);
await writeManifest(imagesDir, { ...JSON.parse(facts), ...readMark(imagesDir) });
removeMark(imagesDir);
rmSync(remove === undefined ? join(workDir, DENO_CACHE) : workDir, { recursive: true, force: true });

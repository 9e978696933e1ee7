/**
 * Writes the manifest of a dump whose driver has ended with it: `recorder.ts IMAGES_DIR FACTS [CACHE]`, started by the orphan that
 * drives CRIU for checkpoint(). Removes the directory CACHE, which was made for it.
 */
import { rmSync } from "node:fs";
import { writeManifest } from "../images/manifest.ts";
import { removeMark } from "./images_dir.ts";

const [imagesDir, facts, cache] = process.argv.slice(2) as [string, string, string?];
await writeManifest(imagesDir, JSON.parse(facts));
removeMark(imagesDir);
if (cache) rmSync(cache, { recursive: true, force: true });

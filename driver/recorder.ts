/**
 * Writes the manifest of a dump whose driver has ended with it: `recorder.ts IMAGES_DIR FACTS`, started by the orphan that
 * drives CRIU for checkpoint().
 */
import { writeManifest } from "../images/manifest.ts";
import { readMark, removeMark } from "./images_dir.ts";

const [imagesDir, facts] = process.argv.slice(2) as [string, string];
await writeManifest(imagesDir, { ...JSON.parse(facts), ...readMark(imagesDir) });
removeMark(imagesDir);

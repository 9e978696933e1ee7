/** Faults of where the images lie. */
import { renameSync, rmSync } from "node:fs";
import { noDisk, type SmallDisk, smallDisk } from "../support/small_disk.ts";
import type { Fault } from "./kinds.ts";
import type { Scene } from "./scene.ts";

const NOTHING_WRITTEN = "it writes no images";
const without = { simulate: NOTHING_WRITTEN };
const APP_RUNS = "the images are read";
/** 64 MiB: more than the images of an app that holds little. */
const PAGES = 16_384;

const onDisk = (scene: Scene): void =>
  void scene.kept.set("disk", scene.cleanup.use(smallDisk(PAGES, scene.imagesParent) as SmallDisk));
const diskOf = ({ kept }: Scene): SmallDisk => kept.get("disk") as SmallDisk;

export const imagesFaults: readonly Fault[] = [
  {
    name: "images directory deleted",
    without,
    put: ({ imagesDir, directory, cell }) => {
      if (cell.phase === "restoring") renameSync(imagesDir, `${directory}/away`);
      else rmSync(imagesDir, { recursive: true });
    },
    lift: ({ imagesDir, directory, cell }) => {
      if (cell.phase === "restoring") renameSync(`${directory}/away`, imagesDir);
    },
    phases: {
      before: "it is made where it is not there",
      preparing: { refused: /The images directory was deleted while CRIU wrote there\. Dump again/ },
      held: { refused: /The images directory was deleted while CRIU wrote there\. Dump again/ },
      frozen: { refused: /the images are gone from .*Dump again/ },
      restoring: { unrestored: /There is no image in .*Name the directory of a finished dump/ },
      recovering: APP_RUNS,
    },
  },
  {
    name: "images directory full",
    without,
    impossible: noDisk,
    prepare: onDisk,
    put: (scene) => diskOf(scene).fill(),
    lift: (scene) => diskOf(scene).drain(),
    phases: {
      before: { refused: /full.*Make room/s },
      preparing: { refused: /full.*Make room/s },
      held: { refused: /full.*Make room/s },
      frozen: { refused: /full.*Make room/s },
      restoring: {},
      recovering: APP_RUNS,
    },
  },
  {
    name: "images directory read-only",
    without,
    impossible: noDisk,
    prepare: onDisk,
    put: (scene) => diskOf(scene).setReadOnly(true),
    lift: (scene) => diskOf(scene).setReadOnly(false),
    phases: {
      before: { refused: /read-only/ },
      preparing: { refused: /read-only/i },
      held: { refused: /read-only/i },
      frozen: { refused: /read-only\. Name another one/, leaves: true },
      restoring: {},
      recovering: APP_RUNS,
    },
  },
];

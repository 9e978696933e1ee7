/** Faults of the directory in which the marker lies. */
import { chownSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NOBODY } from "../support/nobody.ts";
import { noDisk, type SmallDisk, smallDisk } from "../support/small_disk.ts";
import type { Expected, Fault, PhaseName } from "./kinds.ts";
import type { Scene } from "./scene.ts";

const without = { signal: "it has no marker", socket: "it has no marker" };
const PAGES = 16;

/** The app has said all that it has to say by its marker; the outcome, which it cannot put, is no condition of anything. */
const later: Readonly<Record<Exclude<PhaseName, "before" | "preparing">, Expected>> = {
  held: {},
  frozen: {},
  restoring: {},
  recovering: {},
};

function onDisk(scene: Scene): void {
  scene.kept.set("disk", scene.cleanup.use(smallDisk(PAGES, scene.placeDirectory) as SmallDisk));
}

const diskOf = ({ kept }: Scene): SmallDisk => kept.get("disk") as SmallDisk;

/** In place of the marker, what is none. */
const replaced =
  (make: (other: string, place: string) => void) =>
  ({ place, directory }: Scene): void => {
    const other = join(directory, "other");
    writeFileSync(other, "precious");
    rmSync(place, { force: true });
    make(other, place);
  };
const removePlace = ({ place }: Scene): void => rmSync(place, { force: true });
const notMarker = /Cannot replace \S*here: it is not a marker file of this app or of root\. A marker is/;

export const markerFaults: readonly Fault[] = [
  {
    name: "marker's directory deleted",
    without,
    put: ({ placeDirectory }) => rmSync(placeDirectory, { recursive: true }),
    lift: ({ placeDirectory }) => void mkdirSync(placeDirectory, { recursive: true, mode: 0o700 }),
    phases: {
      before: { refused: /place.*ENOENT/s },
      preparing: { refused: /place.*ENOENT/s },
      ...later,
      // By then the image names it.
      frozen: { unrestored: /place is missing: the app watched it\. Make it again/ },
      restoring: { unrestored: /place is missing: the app watched it\. Make it again/ },
    },
  },
  {
    name: "marker's directory read-only",
    without,
    impossible: noDisk,
    prepare: onDisk,
    put: (scene) => diskOf(scene).setReadOnly(true),
    lift: (scene) => diskOf(scene).setReadOnly(false),
    phases: { before: { refused: /EROFS/ }, preparing: { refused: /EROFS/ }, ...later },
  },
  {
    name: "marker's directory full",
    without,
    impossible: noDisk,
    prepare: onDisk,
    put: (scene) => diskOf(scene).fill(),
    lift: (scene) => diskOf(scene).drain(),
    phases: { before: { refused: /ENOSPC/ }, preparing: { refused: /ENOSPC/ }, ...later },
  },
  {
    name: "marker's directory of another user",
    without,
    put: ({ placeDirectory }) => chownSync(placeDirectory, NOBODY, NOBODY),
    lift: ({ placeDirectory }) => chownSync(placeDirectory, 0, 0),
    phases: {
      before: { refused: /belongs to user 65534, and must belong to the user of the app, 0/ },
      preparing: {},
      ...later,
    },
  },
  {
    name: "a symbolic link in place of the marker",
    without,
    put: replaced(symlinkSync),
    lift: removePlace,
    phases: { before: { refused: notMarker }, preparing: { refused: notMarker }, ...later },
  },
  {
    name: "a hard link in place of the marker",
    without,
    put: replaced(linkSync),
    lift: removePlace,
    phases: { before: { refused: notMarker }, preparing: { refused: notMarker }, ...later },
  },
  {
    name: "socket deleted",
    without: { signal: "it has no socket", file: "it has no socket" },
    put: removePlace,
    phases: {
      before: { refused: /ENOENT/, forGood: "nobody can listen at a name that is gone: attach again" },
      preparing: { forGood: "nobody can listen at a name that is gone: attach again" },
      held: { forGood: "nobody can listen at a name that is gone: attach again" },
      frozen: {},
      restoring: {},
      recovering: { forGood: "nobody can listen at a name that is gone: attach again" },
    },
  },
];

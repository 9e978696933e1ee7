import { existsSync } from "node:fs";
import { join } from "node:path";
import { ImageError } from "./errors.ts";
import { ImageReader } from "./image_reader.ts";
import { type Core, coreFields, type Inventory, inventoryFields, type Task, taskFields } from "./messages/tree.ts";

/** @throws {ImageError} */
export function readInventory(directory: string): Inventory {
  if (!existsSync(join(directory, "inventory.img"))) {
    throw new ImageError(directory, "holds no finished dump: there is no inventory.img. Name the directory of a dump.");
  }
  using image = new ImageReader(directory, "inventory.img", "inventory");
  return image.need(inventoryFields);
}

/** @throws {ImageError} */
export function readTree(directory: string): Task[] {
  using image = new ImageReader(directory, "pstree.img", "pstree");
  const tasks = [...image.all(taskFields)];
  if (tasks.length === 0) throw new ImageError(image.path, "is truncated: it names no process");
  if (new Set(tasks.map(({ pid }) => pid)).size < tasks.length) {
    throw new ImageError(image.path, "is damaged: it names a process twice");
  }
  return tasks;
}

/** @throws {ImageError} */
export function readCore(directory: string, pid: number): Core {
  using image = new ImageReader(directory, `core-${pid}.img`, "core");
  return image.need(coreFields);
}

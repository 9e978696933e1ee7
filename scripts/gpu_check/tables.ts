import Table from "cli-table3";
import type { Speeds } from "./measure.ts";
import type { Passage } from "./through_criu.ts";

/** Saves and restores of one device. Bytes a second. */
export interface Row extends Speeds {
  readonly device: string;
  readonly bytes: number;
  /** Plain copies with memory that the driver has pinned. */
  readonly plain?: { readonly fromGpu: number; readonly toGpu: number };
  /** The limit of the bus. */
  readonly bus?: number;
}

/** A checkpoint by CRIU. */
export interface PassageRow extends Passage {
  readonly device: string;
  readonly bytes: number;
}

export function speedTable(rows: readonly Row[]): string {
  const table = newTable([
    "device",
    "MiB",
    "save GB/s",
    "verify GB/s",
    "restore GB/s",
    "plain from/to GB/s",
    "bus GB/s",
    "save/plain",
    "save/bus",
    "bytes",
  ]);
  for (const { device, bytes, save, verify, restore, exact, plain, bus } of rows) {
    table.push([
      device,
      mib(bytes),
      gb(save),
      gb(verify),
      gb(restore),
      plain ? `${gb(plain.fromGpu)} / ${gb(plain.toGpu)}` : "-",
      bus ? gb(bus) : "-",
      plain ? (save / plain.fromGpu).toFixed(2) : "-",
      bus ? (save / bus).toFixed(2) : "-",
      exact ? "exact" : "WRONG",
    ]);
  }
  return table.toString();
}

export function passageTable(rows: readonly PassageRow[]): string {
  const table = newTable(["device", "MiB", "way", "notice to ready", "dump", "restore", "process checkpoint", "bytes"]);
  for (const { device, bytes, way, noticeToReadyMs, dumpMs, restoreMs, processes, exact } of rows) {
    const used = processes > 0 ? "used" : "not used";
    const times = [noticeToReadyMs, dumpMs, restoreMs].map((ms) => `${ms.toFixed(0)} ms`);
    table.push([device, mib(bytes), way, ...times, used, exact ? "exact" : "WRONG"]);
  }
  return table.toString();
}

function newTable(head: string[]): InstanceType<typeof Table> {
  return new Table({ head, style: { head: [], border: [] } });
}

function mib(bytes: number): string {
  return String(bytes / 2 ** 20);
}

function gb(speed: number): string {
  return (speed / 1e9).toFixed(1);
}

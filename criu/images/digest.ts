import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { readChunks } from "./regular_file.ts";

/**
 * How thoroughly the files of a dump are noted. `quick`: files up to 1 MiB by SHA-256, up to 256 MiB by CRC-32 (which runs at
 * memory speed), larger ones by their size alone. `full`: all by SHA-256.
 */
export type Digests = "quick" | "full";

/** What is noted of a file. */
export interface Digest {
  readonly sha256?: string;
  readonly crc32?: string;
}

const SMALL = 2 ** 20;
const MEDIUM = 256 * 2 ** 20;

/** Which digest a file of this size gets. */
export function kindFor(bytes: number, digests: Digests): keyof Digest | undefined {
  if (digests === "full" || bytes <= SMALL) return "sha256";
  return bytes <= MEDIUM ? "crc32" : undefined;
}

/**
 * The digest of a file, read a piece at a time.
 * @throws {ImageError} when it cannot be read.
 */
export async function digest(path: string, kind: keyof Digest, signal?: AbortSignal): Promise<string> {
  const hash = kind === "sha256" ? createHash("sha256") : undefined;
  let sum = 0;
  for await (const chunk of readChunks(path, signal)) {
    if (hash) hash.update(chunk);
    else sum = crc32(chunk, sum);
  }
  return hash ? hash.digest("hex") : sum.toString(16).padStart(8, "0");
}

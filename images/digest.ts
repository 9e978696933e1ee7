import { readSync } from "node:fs";
import { openRegularFile, readChunks } from "./regular_file.ts";

/**
 * How thoroughly the files of a dump are noted. `quick`: up to 256 MiB by CRC-32, which runs at memory speed and finds damage, larger
 * ones by their size alone. `full`: all by SHA-256.
 */
export type Digests = "quick" | "full";

/** What is noted of a file. */
export interface Digest {
  /** In hexadecimal digits. */
  readonly sha256?: string;
  /** As 8 hexadecimal digits. */
  readonly crc32?: string;
}

const MEDIUM = 256 * 2 ** 20;
/** Up to this size a wait for the thread pool takes longer than to read and digest the file here. */
const SMALL = 8 * 2 ** 20;

/** Which digest a file of this size gets. */
export function kindFor(bytes: number, digests: Digests): keyof Digest | undefined {
  if (digests === "full") return "sha256";
  return bytes <= MEDIUM ? "crc32" : undefined;
}

/**
 * The digest of a file, a large one read a piece at a time.
 * @throws {ImageError} when it cannot be read.
 */
export async function digest(path: string, kind: keyof Digest, signal?: AbortSignal): Promise<string> {
  const hash = await createHasher(kind);
  if (!updateAtOnce(hash, path)) for await (const chunk of readChunks(path, signal)) hash.update(chunk);
  return hash.digest();
}

/** False for a file that is too large for that. */
function updateAtOnce(hash: Hasher, path: string): boolean {
  using file = openRegularFile(path);
  if (file.stat.size > SMALL) return false;
  // Always the same memory: to touch new pages takes longer than to read.
  for (let count = readSync(file.fd, piece); count > 0; count = readSync(file.fd, piece)) {
    hash.update(piece.subarray(0, count));
  }
  return true;
}

const piece = new Uint8Array(2 ** 18);

interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): string;
}

/** A restore loads this module, and has to digest only what its dump has. */
async function createHasher(kind: keyof Digest): Promise<Hasher> {
  if (kind === "sha256") {
    const { createHash } = await import("node:crypto");
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
  }
  const { crc32 } = await import("node:zlib");
  let sum = 0;
  return {
    update(bytes) {
      sum = crc32(bytes, sum);
    },
    digest: () => sum.toString(16).padStart(8, "0"),
  };
}

/** Draws from every generator of this runtime and thread. */
import nodeCrypto from "node:crypto";
import { promisify } from "node:util";

/** How often each is drawn from. DRAWS is the number for all of them, for a proof that may take minutes. */
export interface Times {
  /** What makes bytes. */
  readonly quick: number;
  /** What makes keys, or works on other threads. */
  readonly slow: number;
}

const RSA_KEYS = 2;

const hex = (bytes: ArrayBuffer | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString("hex");
const exported = (key: nodeCrypto.KeyObject): string => hex(key.export({ type: "pkcs8", format: "der" } as never));
const secret = (key: nodeCrypto.KeyObject): string => hex(key.export());
const { randomBytes, randomFill, randomInt, generateKey, generateKeyPair } = nodeCrypto;
const inTurn = <T>(work: (done: (error: Error | null, value: T) => void) => void): Promise<T> => promisify(work)();
const { Bun } = globalThis as unknown as { Bun?: { randomUUIDv7(): string } };
const ec = { namedCurve: "P-256" } as const;

const subtle = async (algorithm: object, uses: ("encrypt" | "sign")[]): Promise<string> => {
  const key = (await crypto.subtle.generateKey(algorithm as never, true, uses)) as CryptoKey | CryptoKeyPair;
  const [half, format] = "privateKey" in key ? [key.privateKey, "pkcs8" as const] : [key, "raw" as const];
  return hex(await crypto.subtle.exportKey(format, half));
};

const synchronous: Record<string, () => string> = {
  getRandomValues: () => hex(crypto.getRandomValues(new Uint8Array(16))),
  "getRandomValues of much": () => hex(crypto.getRandomValues(new Uint8Array(600))).slice(0, 32),
  "crypto.randomUUID": () => crypto.randomUUID(),
  "Math.random": () => String(Math.random()),
  randomUUID: () => nodeCrypto.randomUUID(),
  "randomUUID, nothing ahead": () => nodeCrypto.randomUUID({ disableEntropyCache: true }),
  randomBytes: () => hex(randomBytes(16)),
  randomFillSync: () => hex(nodeCrypto.randomFillSync(new Uint8Array(16))),
  randomInt: () => String(randomInt(2 ** 48 - 1)),
  ...(Bun ? { randomUUIDv7: () => Bun.randomUUIDv7().slice(14) } : {}),
  generateKeySync: () => secret(nodeCrypto.generateKeySync("aes", { length: 128 })),
  "generateKeySync hmac": () => secret(nodeCrypto.generateKeySync("hmac", { length: 128 })),
};

const keys: Record<string, () => string> = {
  "generateKeyPairSync ed25519": () => exported(nodeCrypto.generateKeyPairSync("ed25519").privateKey),
  "generateKeyPairSync ec": () => exported(nodeCrypto.generateKeyPairSync("ec", ec).privateKey),
};

const asynchronous: Record<string, () => Promise<string>> = {
  "randomBytes, async": async () => hex(await inTurn<Buffer>((done) => randomBytes(16, done))),
  "randomFill, async": async () => hex(await inTurn<Uint8Array>((done) => randomFill(new Uint8Array(16), done))),
  "randomInt, async": async () => String(await inTurn<number>((done) => randomInt(0, 2 ** 48 - 1, done as never))),
  "generateKey, async": async () =>
    secret(await inTurn<nodeCrypto.KeyObject>((done) => generateKey("aes", { length: 128 }, done as never))),
  "generateKeyPair ed25519, async": () =>
    new Promise((resolve, reject) => {
      generateKeyPair("ed25519", {}, (error, _, key) => (error ? reject(error) : resolve(exported(key as never))));
    }),
  "subtle AES": () => subtle({ name: "AES-GCM", length: 128 }, ["encrypt"]),
  "subtle HMAC": () => subtle({ name: "HMAC", hash: "SHA-256" }, ["sign"]),
  "subtle ECDSA": () => subtle({ name: "ECDSA", ...ec }, ["sign"]),
  "subtle Ed25519": () => subtle({ name: "Ed25519" }, ["sign"]),
};

const rsa = (): string => exported(nodeCrypto.generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);

export async function drawAll({ quick, slow }: Times): Promise<Record<string, string[]>> {
  const all = Number(process.env.DRAWS ?? 0);
  const draws: Record<string, string[]> = { "generateKeyPairSync rsa": Array.from({ length: RSA_KEYS }, rsa) };
  for (const [name, one] of Object.entries(synchronous)) draws[name] = Array.from({ length: all || quick }, one);
  for (const [name, one] of Object.entries(keys)) draws[name] = Array.from({ length: all || slow }, one);
  for (const [name, one] of Object.entries(asynchronous)) {
    draws[name] = await Promise.all(Array.from({ length: all || slow }, one));
  }
  return draws;
}

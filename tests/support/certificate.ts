/** A certificate that its own key has signed, for this machine: RFC 5280, in DER. */
import { generateKeyPairSync, sign } from "node:crypto";

/** Both in PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

// Tags of DER (X.690).
const INTEGER = 0x02;
const BITS = 0x03;
const BYTES = 0x04;
const OID = 0x06;
const TEXT = 0x0c;
const TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}
const hex = (tag: number, digits: string): Buffer => der(tag, Buffer.from(digits, "hex"));
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value));

/** Makes one for localhost, 127.0.0.1 and ::1. */
export function makeCertificate(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaWithSha256 = der(SEQUENCE, hex(OID, "2a8648ce3d040302"));
  const commonName = der(SEQUENCE, hex(OID, "550403"), text(TEXT, "a test of criu-aware"));
  const name = der(SEQUENCE, der(SET, commonName));
  const names = der(SEQUENCE, text(0x82, "localhost"), hex(0x87, "7f000001"), hex(0x87, `${"00".repeat(15)}01`));
  const alternativeNames = der(SEQUENCE, hex(OID, "551d11"), der(BYTES, names));
  const body = der(
    SEQUENCE,
    der(0xa0, hex(INTEGER, "02")),
    hex(INTEGER, "01"),
    ecdsaWithSha256,
    name,
    der(SEQUENCE, text(TIME, "250101000000Z"), text(TIME, "491231235959Z")),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(SEQUENCE, alternativeNames)),
  );
  const signature = der(BITS, Buffer.from([0]), sign("sha256", body, privateKey));
  const lines = der(SEQUENCE, body, ecdsaWithSha256, signature).toString("base64").replace(/.{64}/g, "$&\n");
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}

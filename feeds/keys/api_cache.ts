/**
 * API credentials on disk, beside the keystore, encrypted under the private key they belong to: HKDF-SHA-256 of the key
 * with a random salt, then AES-256-GCM. Who can decrypt them could as well derive them anew, and nobody else can.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import type { FillRandom } from "../polymarket/signing/order.ts";
import type { ApiSecrets } from "../polymarket/signing/login.ts";
import { readKeyFile, replaceFile } from "./files.ts";
import type { KeyPair } from "./keystore.ts";
import { Secret } from "./secret.ts";

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const fileSchema = z.strictObject({
  format: z.literal("poly-edge/api-credentials/1"),
  address: z.string(),
  clob: z.string(),
  nonce: z.number().int().nonnegative(),
  salt: hex(16),
  iv: hex(12),
  tag: hex(16),
  ciphertext: z.string().regex(/^([0-9a-f]{2}){1,4096}$/),
});
const plainSchema = z.object({ apiKey: z.string(), secret: z.string(), passphrase: z.string() });

/** `<data>/keys/<address>.<host of the CLOB>.api.json`: a simulated venue's credentials never meet the real one's. */
export function apiCachePath(dataDir: string, address: string, clob: string): string {
  const host = new URL(clob).host.replaceAll(":", "-");
  return join(dataDir, "keys", `${address.toLowerCase()}.${host}.api.json`);
}

export interface CachedCredentials {
  readonly secrets: ApiSecrets;
  readonly nonce: number;
}

const aad = (address: string, clob: string, nonce: number): Uint8Array =>
  new TextEncoder().encode(`poly-edge/api-credentials/1 ${address} ${clob} ${nonce}`);

const keyOf = (pair: KeyPair, salt: Uint8Array): Uint8Array =>
  new Uint8Array(
    hkdfSync("sha256", Uint8Array.fromHex(pair.key.reveal().slice(2)), salt, "poly-edge api credentials", 32),
  );

export interface SaveOptions {
  readonly path: string;
  readonly pair: KeyPair;
  readonly clob: string;
  readonly credentials: CachedCredentials;
  readonly random: FillRandom;
}

/** Encrypts and writes, in place of what was there; mode 0600. Throws KEY_FILE_UNWRITABLE (exit 1). */
export function saveApiCredentials(options: SaveOptions): void {
  const { path, pair, clob, random } = options;
  const { secrets, nonce } = options.credentials;
  const [salt, iv] = [new Uint8Array(16), new Uint8Array(12)];
  random(salt);
  random(iv);
  const cipher = createCipheriv("aes-256-gcm", keyOf(pair, salt), iv);
  cipher.setAAD(aad(pair.address, clob, nonce));
  const plain = JSON.stringify({
    apiKey: secrets.apiKey.reveal(),
    secret: secrets.secret.reveal(),
    passphrase: secrets.passphrase.reveal(),
  });
  const ciphertext = cipher.update(plain, "utf8", "hex") + cipher.final("hex");
  const file = {
    format: "poly-edge/api-credentials/1",
    address: pair.address,
    clob,
    nonce,
    salt: salt.toHex(),
    iv: iv.toHex(),
    tag: cipher.getAuthTag().toString("hex"),
    ciphertext,
  };
  replaceFile(path, `${JSON.stringify(file)}\n`);
}

function damaged(path: string, reason: string): OperationError {
  return new OperationError({
    code: "API_CACHE_DAMAGED",
    message: `Cannot read ${path} as API credentials: ${reason}`,
    hint: "Run `poly-edge keys derive-api`: it asks the venue for them and writes the file anew.",
  });
}

/**
 * The credentials saved for this key and venue, or null when there are none. Throws API_CACHE_DAMAGED (exit 1) for a file
 * that is torn, was changed, or belongs to another key or venue.
 */
export function loadApiCredentials(path: string, pair: KeyPair, clob: string): CachedCredentials | null {
  const text = readKeyFile(path);
  if (text === null) return null;
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw damaged(path, "it is no whole JSON");
  }
  const file = fileSchema.safeParse(raw);
  if (!file.success) throw damaged(path, "it has another format");
  const { address, nonce, salt, iv, tag, ciphertext } = file.data;
  if (address !== pair.address || file.data.clob !== clob) {
    throw damaged(path, `it belongs to ${address} at ${file.data.clob}`);
  }
  try {
    const cipher = createDecipheriv(
      "aes-256-gcm",
      keyOf(pair, Uint8Array.fromHex(salt)),
      Uint8Array.fromHex(iv),
    );
    cipher.setAAD(aad(address, clob, nonce));
    cipher.setAuthTag(Uint8Array.fromHex(tag));
    const plain = cipher.update(ciphertext, "hex", "utf8") + cipher.final("utf8");
    const { apiKey, secret, passphrase } = plainSchema.parse(JSON.parse(plain));
    return {
      secrets: { apiKey: new Secret(apiKey), secret: new Secret(secret), passphrase: new Secret(passphrase) },
      nonce,
    };
  } catch {
    throw damaged(path, "its encrypted part was changed");
  }
}

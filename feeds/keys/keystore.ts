/**
 * Private keys in files: encrypted JSON, version 3 (scrypt, AES-128-CTR, keccak MAC), as ethers and geth write it. The
 * address stands in it in the clear; the key leaves only as a Secret.
 */
import { join } from "node:path";
import { computeAddress, decryptKeystoreJson, encryptKeystoreJson, getAddress, isKeystoreJson } from "ethers";
import { OperationError } from "../../core/errors.ts";
import type { FillRandom } from "../polymarket/signing/order.ts";
import { readKeyFile, writeNewFile } from "./files.ts";
import { Secret } from "./secret.ts";

export interface KeyPair {
  /** 0x and 64 lower-case hex digits. */
  readonly key: Secret<string>;
  /** Checksummed. */
  readonly address: string;
}

/** Order of secp256k1: a key is between zero and this. */
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
/** A cost beyond geth's strongest setting is a damaged or hostile file, not a keystore. */
const MAX_COST = { n: 2 ** 20, r: 16, p: 16, c: 10_000_000 };
const SCRYPT_N = 2 ** 17;
/** Of passphrases that protect a new keystore. */
export const MIN_PASSPHRASE = 8;
export const DEFAULT_KEY_NAME = "default";

/** `<data>/keys/<name>.json`. Throws USAGE (exit 2) for a name that is no plain word. */
export function keystorePath(dataDir: string, name: string): string {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(name)) {
    throw new OperationError({
      code: "USAGE",
      message:
        `Cannot use a text of ${name.length} characters as the name of a key: must be 1 to 40 letters, digits, - or _`,
      hint: "For example: --name hot",
      exit: 2,
    });
  }
  return join(dataDir, "keys", `${name}.json`);
}

const pairOf = (hex: string): KeyPair => ({ key: new Secret(hex), address: computeAddress(hex) });

const isKey = (hex: string): boolean => {
  const value = BigInt(hex);
  return value > 0n && value < CURVE_ORDER;
};

/** A fresh key of 256 random bits. */
export function newKey(random: FillRandom): KeyPair {
  const bytes = new Uint8Array(32);
  for (;;) {
    random(bytes);
    const hex = `0x${bytes.toHex()}`;
    bytes.fill(0);
    if (isKey(hex)) return pairOf(hex);
  }
}

/** A key as people write it: 64 hex digits, with or without 0x. Throws KEY_INVALID (exit 2), without the text. */
export function parseKey(text: Secret<string>, source: string): KeyPair {
  const bare = text.reveal().trim().replace(/^0x/i, "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(bare) || !isKey(`0x${bare}`)) {
    throw new OperationError({
      code: "KEY_INVALID",
      message: `Cannot use ${source} as a private key: current value has ${bare.length} characters`,
      hint: "A private key is 64 hex digits, with or without 0x, and no seed phrase.",
      exit: 2,
    });
  }
  return pairOf(`0x${bare}`);
}

export interface NewKeystore {
  readonly path: string;
  readonly pair: KeyPair;
  readonly passphrase: Secret<string>;
  /** Cost, a power of two; 131072 when absent. */
  readonly scryptN?: number;
}

/**
 * Encrypts and writes a keystore: mode 0600, whole or not at all, never over another. Throws PASSPHRASE_WEAK (exit 2),
 * KEY_FILE_EXISTS (exit 2), KEY_FILE_UNWRITABLE (exit 1).
 */
export async function createKeystore(options: NewKeystore): Promise<void> {
  const { path, pair, passphrase, scryptN = SCRYPT_N } = options;
  if (passphrase.reveal().length < MIN_PASSPHRASE) {
    throw new OperationError({
      code: "PASSPHRASE_WEAK",
      message:
        `Cannot protect a key with this passphrase: it must have at least ${MIN_PASSPHRASE} characters`,
      hint: "Four random words are easy to keep and hard to guess.",
      exit: 2,
    });
  }
  const account = { address: pair.address, privateKey: pair.key.reveal() };
  const json = await encryptKeystoreJson(account, passphrase.reveal(), {
    scrypt: { N: scryptN, r: 8, p: 1 },
  });
  writeNewFile(path, `${json}\n`);
}

function damaged(path: string, reason: string): OperationError {
  return new OperationError({
    code: "KEYSTORE_DAMAGED",
    message: `Cannot read ${path} as a keystore: ${reason}`,
    hint: "Restore the file from a backup, or import the key again under another --name.",
  });
}

interface Keystore {
  readonly json: string;
  readonly address: string;
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : {};

/** Checks everything that can be checked without the passphrase. */
function readKeystore(path: string): Keystore {
  const json = readKeyFile(path);
  if (json === null) {
    throw new OperationError({
      code: "KEYSTORE_NOT_FOUND",
      message: `Cannot read ${path} as a keystore: there is none`,
      hint: "Make one with `poly-edge keys new` or `poly-edge keys import`, or set POLY_PRIVATE_KEY.",
      exit: 2,
    });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    throw damaged(path, `it is no whole JSON, its length is ${json.length} characters`);
  }
  const { address, Crypto, crypto: lower } = record(parsed);
  const kdf = record(record(Crypto ?? lower)["kdfparams"]);
  if (!isKeystoreJson(json) || typeof address !== "string" || !/^(0x)?[0-9a-f]{40}$/i.test(address)) {
    throw damaged(path, "it is no version 3 keystore with an address");
  }
  const within = Object.entries(MAX_COST).every(([name, most]) =>
    kdf[name] === undefined || (typeof kdf[name] === "number" && kdf[name] <= most)
  );
  if (!within) throw damaged(path, "its key derivation asks for more than any wallet does");
  return { json, address: getAddress(`0x${address.replace(/^0x/i, "").toLowerCase()}`) };
}

/** The address a keystore states, read without its passphrase; whether it is the key's own only decrypting shows. */
export const keystoreAddress = (path: string): string => readKeystore(path).address;

/**
 * Decrypts. Throws KEYSTORE_NOT_FOUND (exit 2), KEYSTORE_DAMAGED (exit 1), PASSPHRASE_WRONG (exit 2); a changed
 * ciphertext looks like a wrong passphrase.
 */
export async function openKeystore(path: string, passphrase: Secret<string>): Promise<KeyPair> {
  const { json, address } = readKeystore(path);
  let hex: string;
  try {
    hex = (await decryptKeystoreJson(json, passphrase.reveal())).privateKey;
  } catch (error) {
    // Nothing of the failed call is kept: its words are not ours to vouch for.
    const wrong = error instanceof Error && error.message.startsWith("incorrect password");
    if (!wrong) throw damaged(path, "its encrypted part is not in order");
    throw new OperationError({
      code: "PASSPHRASE_WRONG",
      message: `Cannot decrypt ${path} with this passphrase`,
      hint: "Check the passphrase (POLY_EDGE_PASSPHRASE, --passphrase-fd). A damaged file looks the same.",
      exit: 2,
    });
  }
  const pair = pairOf(hex);
  if (pair.address !== address) {
    throw damaged(path, `it states the address ${address}, its key's is ${pair.address}`);
  }
  return pair;
}

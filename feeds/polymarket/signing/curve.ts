/**
 * The two primitives of the hot path, by the fastest of the measured packages (docs/keys.md has the figures).
 * secp256k1: libsecp256k1, the C library of Bitcoin Core, compiled to WebAssembly in @bitauth/libauth; RFC 6979, low s; it
 * wipes its copy of the key after every call, and a random seed blinds its arithmetic. keccak: hash-wasm; what it
 * hashes is public, and every signer compares its results with ethers before it is used.
 */
import { invariant } from "../../../core/errors.ts";
import type { Secret } from "../../keys/secret.ts";

export interface Curve {
  /** keccak-256; a new array every time. */
  keccak(bytes: Uint8Array): Uint8Array;
  /** 65 bytes r, s, v (27 or 28) of a 32-byte digest, in a buffer that the next call overwrites. */
  sign(digest: Uint8Array, key: Uint8Array): Uint8Array;
}

/**
 * Loads, compiles and seeds both; about 50 ms, once. `seed`: 32 random bytes for blinding, no part of any signature. Loaded
 * on demand, so that commands that sign nothing do not wait for it.
 */
export async function openCurve(seed: Secret<Uint8Array>): Promise<Curve> {
  const [{ instantiateSecp256k1 }, { createKeccak }] = await Promise.all([
    import("@bitauth/libauth/build/lib/crypto/secp256k1.js"),
    import("hash-wasm"),
  ]);
  const [library, hasher] = await Promise.all([instantiateSecp256k1(seed.reveal()), createKeccak(256)]);
  const signature = new Uint8Array(65);
  return {
    keccak: (bytes) => hasher.init().update(bytes).digest("binary"),
    sign(digest, key) {
      const signed = library.signMessageHashRecoverableCompact(key, digest);
      invariant(typeof signed !== "string", "a checked key signs");
      signature.set(signed.signature);
      signature[64] = 27 + signed.recoveryId;
      return signature;
    },
  };
}

/** The two logins of the venue (dossier 4): L1 by a signature, for API keys; L2 by an HMAC over the exact request. */
import { Buffer } from "node:buffer";
import { TypedDataEncoder } from "ethers";
import { OperationError } from "../../../core/errors.ts";
import type { Secret } from "../../keys/secret.ts";
import { POLYGON } from "./contracts.ts";
import { hmacSha256 } from "./hmac_sha256.ts";

const MESSAGE = "This message attests that I control the given wallet";
const TYPES = {
  ClobAuth: [
    { name: "address", type: "address" },
    { name: "timestamp", type: "string" },
    { name: "nonce", type: "uint256" },
    { name: "message", type: "string" },
  ],
};

export interface ClobAuth {
  /** The signing key's address, also for proxy, Safe and deposit wallets. */
  readonly address: string;
  /** Unix seconds of the venue. */
  readonly timestampS: number;
  /** Same nonce, same API key. */
  readonly nonce: number;
  readonly chainId?: number;
}

/** EIP-712 digest of the L1 login. */
export const clobAuthDigest = (auth: ClobAuth): string =>
  TypedDataEncoder.hash(
    { name: "ClobAuthDomain", version: "1", chainId: auth.chainId ?? POLYGON },
    TYPES,
    { address: auth.address, timestamp: String(auth.timestampS), nonce: auth.nonce, message: MESSAGE },
  );

/** The four headers of an L1 request; `signature` is of `clobAuthDigest(auth)`. */
export const l1Headers = (auth: ClobAuth, signature: string): Record<string, string> => ({
  POLY_ADDRESS: auth.address,
  POLY_SIGNATURE: signature,
  POLY_TIMESTAMP: String(auth.timestampS),
  POLY_NONCE: String(auth.nonce),
});

/** API credentials of the venue, wrapped. */
export interface ApiSecrets {
  readonly apiKey: Secret<string>;
  /** Base64, plain or URL-safe. */
  readonly secret: Secret<string>;
  readonly passphrase: Secret<string>;
}

export interface L2Request {
  readonly method: "GET" | "POST" | "DELETE";
  /** Without host and without query. */
  readonly path: string;
  /** The exact bytes sent; empty without a body. */
  readonly body: string;
  /** Unix seconds of the venue. */
  readonly timestampS: number;
}

/** Headers of private requests for one API key and one signing address. */
export interface L2Signer {
  headers(request: L2Request): Record<string, string>;
  /** URL-safe base64 HMAC-SHA256 of `timestamp + METHOD + path + body`, padding kept. */
  signature(request: L2Request): string;
}

/** About as long as an order's body. */
const PRACTICE = "x".repeat(1000);
const PRACTICE_ROUNDS = 50;

/** Decodes the secret once. Throws API_SECRET_INVALID (exit 2) when it is not base64. */
export function l2Signer(address: string, credentials: ApiSecrets): L2Signer {
  const text = credentials.secret.reveal().trim().replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Buffer.from(text, "base64");
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || bytes.length === 0) {
    throw new OperationError({
      code: "API_SECRET_INVALID",
      message: `Cannot use the API secret as base64: current value has ${text.length} characters`,
      hint: "Check POLY_API_SECRET, or run `poly-edge keys derive-api` again.",
      exit: 2,
    });
  }
  const hmac = hmacSha256(bytes);
  bytes.fill(0);
  // Until it is compiled a call takes up to 4 ms: that is paid here (15 ms in the first of a process), not by an order.
  for (let round = 0; round < PRACTICE_ROUNDS; round++) hmac(PRACTICE);
  const signature = (request: L2Request): string => {
    const mac = hmac(`${request.timestampS}${request.method}${request.path}${request.body}`);
    // 32 bytes leave one character of padding.
    return `${Buffer.from(mac.buffer).toString("base64url")}=`;
  };
  return {
    signature,
    headers: (request) => ({
      POLY_ADDRESS: address,
      POLY_SIGNATURE: signature(request),
      POLY_TIMESTAMP: String(request.timestampS),
      POLY_API_KEY: credentials.apiKey.reveal(),
      POLY_PASSPHRASE: credentials.passphrase.reveal(),
    }),
  };
}

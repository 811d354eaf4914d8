/** Requests signed by hand, for what the official client would never send. */
import { AbiCoder, SigningKey, Wallet, zeroPadValue } from "ethers";
import { domainOf, type ExchangeDomain } from "../../fixtures/exchange/contracts.ts";
import { l2Signature } from "../../fixtures/exchange/credentials.ts";
import {
  type OrderFields,
  orderHash,
  wrappedDigest,
  wrapSignature,
} from "../../fixtures/exchange/typed_data.ts";
import { type SignatureType, walletOf } from "../../fixtures/exchange/wallets.ts";
import { TEST_KEYS } from "./official.ts";

export interface Creds {
  readonly key: string;
  readonly secret: string;
  readonly passphrase: string;
}

export const ownerOf = (key: number): string => new Wallet(TEST_KEYS[key]!).address;
const ZERO = `0x${"00".repeat(32)}`;
let salt = 1_000;

export interface RawOrder {
  readonly key?: number;
  readonly type?: SignatureType;
  readonly token: string;
  readonly side?: "BUY" | "SELL";
  /** Base units as text. */
  readonly maker: string;
  readonly taker: string;
  readonly domain?: ExchangeDomain;
  /** Fields changed before signing. */
  readonly fields?: Partial<OrderFields>;
}

/** Fields and their signature. */
export function signOrder(raw: RawOrder): { fields: OrderFields; signature: string; id: string } {
  const key = raw.key ?? 0;
  const type = raw.type ?? (key as SignatureType);
  const maker = walletOf(ownerOf(key), type);
  const fields: OrderFields = {
    salt: String(++salt),
    maker,
    signer: type === 3 ? maker : ownerOf(key),
    tokenId: raw.token,
    makerAmount: raw.maker,
    takerAmount: raw.taker,
    side: raw.side === "SELL" ? 1 : 0,
    signatureType: type,
    timestamp: "1790000000000",
    metadata: ZERO,
    builder: ZERO,
    ...raw.fields,
  };
  const domain = raw.domain ?? domainOf("v1");
  const signer = new SigningKey(TEST_KEYS[key]!);
  const id = orderHash(fields, domain);
  const signature = fields.signatureType === 3
    ? wrapSignature(signer.sign(wrappedDigest(fields, domain)).serialized, fields, domain)
    : signer.sign(id).serialized;
  return { fields, signature, id };
}

export interface Envelope {
  readonly owner: string;
  readonly orderType?: string;
  readonly expiration?: string;
  readonly postOnly?: boolean;
}

/** POST /order body. */
export function bodyOf({ fields, signature }: ReturnType<typeof signOrder>, envelope: Envelope) {
  return {
    deferExec: false,
    order: {
      ...fields,
      salt: Number(fields.salt),
      side: fields.side === 0 ? "BUY" : "SELL",
      expiration: envelope.expiration ?? "0",
      signature,
    } as Record<string, unknown>,
    owner: envelope.owner as unknown,
    orderType: envelope.orderType ?? "GTC",
    ...(envelope.postOnly === undefined ? {} : { postOnly: envelope.postOnly }),
  };
}

export interface RawCall {
  readonly http: string;
  readonly key?: number;
  readonly creds: Creds;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly timestampS?: number;
  readonly headers?: Record<string, string>;
}

/** A request with L2 headers. */
export async function call(options: RawCall): Promise<{ status: number; text: string; headers: Headers }> {
  const { http, creds, method, path } = options;
  const body = options.body === undefined ? "" : JSON.stringify(options.body);
  const timestamp = String(options.timestampS ?? Math.floor(Date.now() / 1_000));
  const bare = path.split("?")[0]!;
  const response = await fetch(`${http}${path}`, {
    method,
    headers: {
      POLY_ADDRESS: ownerOf(options.key ?? 0),
      POLY_SIGNATURE: l2Signature(creds.secret, `${timestamp}${method}${bare}${body}`),
      POLY_TIMESTAMP: timestamp,
      POLY_API_KEY: creds.key,
      POLY_PASSPHRASE: creds.passphrase,
      "content-type": "application/json",
      ...options.headers,
    },
    ...(body === "" ? {} : { body }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** A wrapped signature in a session key's envelope. */
export const sessionEnvelope = (key: string, wrapped: string): string =>
  AbiCoder.defaultAbiCoder().encode(
    ["bytes32", "bytes32", "bytes"],
    [zeroPadValue(key, 32), ZERO, wrapped],
  ) + "6492".repeat(16);

/**
 * The slow and plain way, with ethers 6: hashes, digests and signatures as EIP-712 and ERC-7739 word them. The fast
 * path (fast_signer.ts) must give the same bytes; `openSigner` checks it once at every start, the tests on thousands.
 */
import { AbiCoder, concat, id, keccak256, SigningKey, toUtf8Bytes, TypedDataEncoder } from "ethers";
import type { Secret } from "../../keys/secret.ts";
import {
  EXCHANGE_NAME,
  type ExchangeDomain,
  ORDER_TYPE_STRING,
  TYPED_DATA_SIGN_STRING,
  ZERO_32,
} from "./contracts.ts";
import type { OrderFields, SignedOrder } from "./order.ts";

const field = (name: string, type: string) => ({ name, type });
const ORDER_TYPES = {
  Order: [
    field("salt", "uint256"),
    field("maker", "address"),
    field("signer", "address"),
    field("tokenId", "uint256"),
    field("makerAmount", "uint256"),
    field("takerAmount", "uint256"),
    field("side", "uint8"),
    field("signatureType", "uint8"),
    field("timestamp", "uint256"),
    field("metadata", "bytes32"),
    field("builder", "bytes32"),
  ],
};
const TYPED_DATA_SIGN_HASH = id(TYPED_DATA_SIGN_STRING);
const abi = AbiCoder.defaultAbiCoder();

export const domainSeparator = (domain: ExchangeDomain): string =>
  TypedDataEncoder.hashDomain({ name: EXCHANGE_NAME, ...domain });

/** EIP-712 struct hash: the "contents hash" of a wrapped signature. */
export const orderStructHash = (order: OrderFields): string =>
  TypedDataEncoder.hashStruct("Order", ORDER_TYPES, { ...order, side: order.side === "buy" ? 0 : 1 });

const digestOf = (separator: string, struct: string): string =>
  keccak256(concat(["0x1901", separator, struct]));

/** The order's id: its EIP-712 hash under the exchange's domain, whatever the signature type. */
export const orderHash = (order: OrderFields, domain: ExchangeDomain): string =>
  digestOf(domainSeparator(domain), orderStructHash(order));

/** What the owner of a deposit wallet signs: ERC-7739 nested typed data around a contents hash. */
export function nestedDigest(contentsHash: string, wallet: string, domain: ExchangeDomain): string {
  const struct = keccak256(abi.encode(
    ["bytes32", "bytes32", "bytes32", "bytes32", "uint256", "address", "bytes32"],
    [TYPED_DATA_SIGN_HASH, contentsHash, id("DepositWallet"), id("1"), domain.chainId, wallet, ZERO_32],
  ));
  return digestOf(domainSeparator(domain), struct);
}

/** `inner || exchange separator || contents hash || type string || its length`: what the wallet contract unpacks. */
export const wrapSignature = (inner: string, contentsHash: string, domain: ExchangeDomain): string => {
  const type = toUtf8Bytes(ORDER_TYPE_STRING);
  const length = `0x${type.length.toString(16).padStart(4, "0")}`;
  return concat([inner, domainSeparator(domain), contentsHash, type, length]);
};

/** The envelope of a session key: `abi.encode(key, 0, wrapped)` and the mark of ERC-6492 repeated to 32 bytes. */
export const sessionEnvelope = (key: string, wrapped: string): string =>
  concat([
    abi.encode(["bytes32", "bytes32", "bytes"], [`0x${"00".repeat(12)}${key.slice(2)}`, ZERO_32, wrapped]),
    `0x${"6492".repeat(16)}`,
  ]);

/** 0x, r, s, v (27 or 28): RFC 6979, low s. */
export const signDigestReference = (digest: string, key: Secret<string>): string =>
  new SigningKey(key.reveal()).sign(digest).serialized;

/** Signs an order the plain way. `session` names the address of a session key. */
export function signOrderReference(
  fields: OrderFields,
  domain: ExchangeDomain,
  key: Secret<string>,
  session: string | null = null,
): SignedOrder {
  const hash = orderHash(fields, domain);
  if (fields.signatureType !== 3) return { fields, hash, signature: signDigestReference(hash, key) };
  const contents = orderStructHash(fields);
  const inner = signDigestReference(nestedDigest(contents, fields.signer, domain), key);
  const wrapped = wrapSignature(inner, contents, domain);
  return { fields, hash, signature: session === null ? wrapped : sessionEnvelope(session, wrapped) };
}

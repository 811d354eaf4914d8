/**
 * Order signing for the hot path. What does not change between orders is made once: domain separators, type hashes, the
 * words of the account and of the tokens, the constant parts of wrapped signatures. An order then costs its numbers
 * written into one reused buffer, two keccaks (type 3: four) and one signature.
 */
import { id, toUtf8Bytes } from "ethers";
import { invariant } from "../../../core/errors.ts";
import type { Secret } from "../../keys/secret.ts";
import {
  domainKey,
  type ExchangeDomain,
  ORDER_TYPE_STRING,
  TYPED_DATA_SIGN_STRING,
  ZERO_32,
} from "./contracts.ts";
import type { Curve } from "./curve.ts";
import type { Account, OrderFields, SignedOrder } from "./order.ts";
import { domainSeparator } from "./reference.ts";
import { addressWord, hexOf, uintWord, WORD, word32, WordBuffer } from "./words.ts";

/** Signs orders of one account. Holds the key's bytes until `close()`. */
export interface OrderSigner {
  readonly account: Account;
  /** The order's id without signing it: 0x and 64 lower-case hex digits. */
  hash(fields: OrderFields, domain: ExchangeDomain): string;
  /** Throws InvariantError when the fields are not of this account, or after `close()`. */
  sign(fields: OrderFields, domain: ExchangeDomain): SignedOrder;
  /** 0x and 65 bytes of a 32-byte digest: for logins and wallet batches. */
  signDigest(digest: Uint8Array): string;
  /** Wipes the key. */
  close(): void;
}

/** Word positions of the order struct, after its type hash. */
const SALT = 1, MAKER = 2, SIGNER = 3, TOKEN = 4, GIVEN = 5, WANTED = 6;
const SIDE = 7, TYPE = 8, STAMP = 9, METADATA = 10, BUILDER = 11;
/** Tokens whose words are kept: two of every window that trades. */
const MAX_TOKENS = 256;
const ZERO_WORD = new Uint8Array(WORD);

interface DomainCache {
  readonly separator: Uint8Array;
  readonly separatorHex: string;
  readonly chainId: number;
}

/** Constant text around the inner signature and the contents hash of a type 3 signature. */
interface Wrapping {
  readonly head: string;
  readonly type: string;
  readonly tail: string;
}

function wrappingOf({ key, session }: Account): Wrapping {
  const text = toUtf8Bytes(ORDER_TYPE_STRING);
  const type = hexOf(text) + text.length.toString(16).padStart(4, "0");
  if (!session) return { head: "0x", type, tail: "" };
  const length = 65 + 32 + 32 + text.length + 2;
  const words = [
    hexOf(addressWord(key)),
    hexOf(ZERO_WORD),
    hexOf(uintWord("96")),
    hexOf(uintWord(`${length}`)),
  ];
  const padding = "00".repeat((WORD - length % WORD) % WORD);
  return { head: `0x${words.join("")}`, type, tail: padding + "6492".repeat(16) };
}

/** `0x1901 || separator || struct`, hashed. */
class Digest {
  private readonly bytes = new Uint8Array(66);

  constructor(private readonly keccak: Curve["keccak"]) {
    this.bytes[0] = 0x19;
    this.bytes[1] = 0x01;
  }

  of(separator: Uint8Array, struct: Uint8Array): Uint8Array {
    this.bytes.set(separator, 2);
    this.bytes.set(struct, 34);
    return this.keccak(this.bytes);
  }
}

class OrderHasher {
  private readonly struct = new WordBuffer(12);
  private readonly digest: Digest;
  private readonly domains = new Map<string, DomainCache>();
  private readonly tokens = new Map<string, Uint8Array>();
  private lastDomain: ExchangeDomain | null = null;
  private lastCache: DomainCache | null = null;

  constructor(private readonly account: Account, private readonly keccak: Curve["keccak"]) {
    this.digest = new Digest(keccak);
    this.struct.setBytes(0, word32(id(ORDER_TYPE_STRING)));
    this.struct.setBytes(MAKER, addressWord(account.funder));
    this.struct.setBytes(SIGNER, addressWord(account.signatureType === 3 ? account.funder : account.key));
    this.struct.setNumber(TYPE, account.signatureType);
  }

  domain(domain: ExchangeDomain): DomainCache {
    if (this.lastDomain === domain && this.lastCache !== null) return this.lastCache;
    const key = domainKey(domain);
    let cache = this.domains.get(key);
    if (cache === undefined) {
      const separator = word32(domainSeparator(domain));
      cache = { separator, separatorHex: hexOf(separator), chainId: domain.chainId };
      this.domains.set(key, cache);
    }
    [this.lastDomain, this.lastCache] = [domain, cache];
    return cache;
  }

  private tokenWord(token: string): Uint8Array {
    let word = this.tokens.get(token);
    if (word === undefined) {
      word = uintWord(token);
      if (this.tokens.size >= MAX_TOKENS) this.tokens.clear();
      this.tokens.set(token, word);
    }
    return word;
  }

  /** The struct hash (contents hash). */
  contents(fields: OrderFields): Uint8Array {
    const { account, struct } = this;
    const signer = account.signatureType === 3 ? account.funder : account.key;
    invariant(
      fields.maker === account.funder && fields.signer === signer &&
        fields.signatureType === account.signatureType,
      "an order is signed by the account it was built for",
    );
    invariant(
      isUint53(fields.salt) && isUint53(fields.makerAmount) && isUint53(fields.takerAmount) &&
        isUint53(fields.timestamp),
      "an order's numbers are integers from 0 to 2^53-1",
    );
    struct.setNumber(SALT, fields.salt);
    struct.setBytes(TOKEN, this.tokenWord(fields.tokenId));
    struct.setNumber(GIVEN, fields.makerAmount);
    struct.setNumber(WANTED, fields.takerAmount);
    struct.setNumber(SIDE, fields.side === "buy" ? 0 : 1);
    struct.setNumber(STAMP, fields.timestamp);
    struct.setBytes(METADATA, fields.metadata === ZERO_32 ? ZERO_WORD : word32(fields.metadata));
    struct.setBytes(BUILDER, fields.builder === ZERO_32 ? ZERO_WORD : word32(fields.builder));
    return this.keccak(struct.bytes);
  }

  order(contents: Uint8Array, domain: DomainCache): Uint8Array {
    return this.digest.of(domain.separator, contents);
  }
}

const isUint53 = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** The nested struct of type 3; only contents hash and chain change. */
class NestedHasher {
  private readonly struct = new WordBuffer(7);
  private readonly digest: Digest;

  constructor(wallet: string, private readonly keccak: Curve["keccak"]) {
    this.digest = new Digest(keccak);
    this.struct.setBytes(0, word32(id(TYPED_DATA_SIGN_STRING)));
    this.struct.setBytes(2, word32(id("DepositWallet")));
    this.struct.setBytes(3, word32(id("1")));
    this.struct.setBytes(5, addressWord(wallet));
  }

  of(contents: Uint8Array, domain: DomainCache): Uint8Array {
    this.struct.setBytes(1, contents);
    this.struct.setNumber(4, domain.chainId);
    return this.digest.of(domain.separator, this.keccak(this.struct.bytes));
  }
}

/** Builds the signer. `key`: 32 bytes, copied; the account must be the key's (`openSigner` checks). */
export function fastSigner(account: Account, key: Secret<Uint8Array>, curve: Curve): OrderSigner {
  const hasher = new OrderHasher(account, curve.keccak);
  const nested = account.signatureType === 3 ? new NestedHasher(account.funder, curve.keccak) : null;
  const wrapping = wrappingOf(account);
  const own = Uint8Array.from(key.reveal());
  let open = true;
  const signed = (digest: Uint8Array): string => {
    invariant(open, "a closed signer signs nothing");
    return hexOf(curve.sign(digest, own));
  };
  return {
    account,
    hash: (fields, domain) => `0x${hexOf(hasher.order(hasher.contents(fields), hasher.domain(domain)))}`,
    sign(fields, domain) {
      const cache = hasher.domain(domain);
      const contents = hasher.contents(fields);
      const digest = hasher.order(contents, cache);
      const hash = `0x${hexOf(digest)}`;
      if (nested === null) return { fields, hash, signature: `0x${signed(digest)}` };
      const inner = signed(nested.of(contents, cache));
      const { head, type, tail } = wrapping;
      return {
        fields,
        hash,
        signature: `${head}${inner}${cache.separatorHex}${hexOf(contents)}${type}${tail}`,
      };
    },
    signDigest: (digest) => `0x${signed(digest)}`,
    close() {
      open = false;
      own.fill(0);
    },
  };
}

/**
 * An order as it is signed (V2 and V3 share one struct), and how an intent becomes one: amounts from core/market/
 * rounding.ts, identity from the account, the exchange from the market's version. Protocol dossier 5.3-5.6 (2026-11-21).
 */
import { OperationError } from "../../../core/errors.ts";
import type { OrderType } from "../../../core/events.ts";
import type { Instrument, Side } from "../../../core/market/instrument.ts";
import {
  isValidPrice,
  limitAmounts,
  marketBuyAmounts,
  marketSellAmounts,
  type OrderAmounts,
} from "../../../core/market/rounding.ts";
import { formatPrice, type Ms, type Price, type Shares, type Usdc } from "../../../core/units.ts";
import { ZERO_32 } from "./contracts.ts";

/** 0 EOA, 1 proxy, 2 Safe, 3 deposit wallet (ERC-1271). */
export type SignatureType = 0 | 1 | 2 | 3;

/** Who trades: the key that signs and the wallet that holds the funds, both checksummed addresses. */
export interface Account {
  /** Address of the signing key: the owner, or with `session` a session key of the deposit wallet. */
  readonly key: string;
  /** Wallet that holds the funds (the order's `maker`); equal to `key` for type 0. */
  readonly funder: string;
  readonly signatureType: SignatureType;
  /** The key is a session key: its signatures travel in an envelope. Type 3 only. */
  readonly session: boolean;
}

/** The eleven signed fields. Amounts in base units (millionths), all numbers integers below 2^53. */
export interface OrderFields {
  /** Random; travels as a JSON number. */
  readonly salt: number;
  readonly maker: string;
  readonly signer: string;
  /** Outcome token: decimal uint256. */
  readonly tokenId: string;
  readonly makerAmount: number;
  readonly takerAmount: number;
  readonly side: Side;
  readonly signatureType: SignatureType;
  /** Unix milliseconds; makes the order unique, is no expiry. */
  readonly timestamp: number;
  readonly metadata: string;
  readonly builder: string;
}

/** An order with its id (the EIP-712 hash, known before anything is sent) and its signature. */
export interface SignedOrder {
  readonly fields: OrderFields;
  /** `orderID` of the venue: 0x and 64 lower-case hex digits. */
  readonly hash: string;
  readonly signature: string;
}

/** What to trade: the part of a submit intent that amounts follow from. */
export interface OrderTerms {
  readonly token: string;
  readonly side: Side;
  readonly orderType: OrderType;
  readonly limit: Price;
  /** Shares of limit orders and market SELLs. */
  readonly size: Shares;
  /** pUSD of market BUYs (FOK and FAK). */
  readonly spend: Usdc;
  /**
   * Market BUYs ask for shares rounded up, so that their quotient stays under `limit`; an offer at exactly `limit` may
   * then not match. Without it they are rounded down, as the official client does, and the quotient may pass `limit`
   * by less than a ten-thousandth of a share's worth.
   */
  readonly protectPrice?: boolean;
}

/** What makes one order different from the next. */
export interface OrderStamp {
  /** 0 .. 2^53-1, from `saltSource()`. */
  readonly salt: number;
  readonly timestampMs: Ms;
  /** Builder code, bytes32; zero when absent. */
  readonly builder?: string;
}

/** FOK and FAK orders: the venue measures a BUY of these in pUSD. */
export const isMarketOrder = (type: OrderType): boolean => type === "FOK" || type === "FAK";

function invalid(what: string, reason: string): OperationError {
  return new OperationError({
    code: "ORDER_INVALID",
    message: `Cannot build ${what} as an order: ${reason}`,
  });
}

/**
 * Base units on both sides. Throws ORDER_INVALID for a price off the market's tick and for amounts that round to
 * nothing.
 */
export function amountsOf(terms: OrderTerms, tick: Price): OrderAmounts {
  const { side, limit, orderType } = terms;
  if (!isValidPrice(limit, tick)) {
    throw invalid(`a price of ${formatPrice(limit)}`, `the tick is ${formatPrice(tick)}`);
  }
  const market = isMarketOrder(orderType);
  const wanted = market && side === "buy" ? terms.spend : terms.size;
  if (!Number.isSafeInteger(wanted) || wanted <= 0) {
    throw invalid(
      `${side} ${orderType}`,
      `the amount is a whole number of millionths, current value is ${wanted}`,
    );
  }
  const amounts = !market
    ? limitAmounts(side, limit, terms.size)
    : side === "buy"
    ? marketBuyAmounts(terms.spend, limit, terms.protectPrice === true)
    : marketSellAmounts(terms.size, limit);
  if (amounts.makerAmount <= 0 || amounts.takerAmount <= 0) {
    throw invalid(`${side} ${orderType}`, `current value is ${amounts.makerAmount}/${amounts.takerAmount}`);
  }
  return amounts;
}

/** The fields to sign for `account`. Throws ORDER_INVALID as `amountsOf`, and for a salt or stamp that is no safe integer. */
export function buildOrder(
  terms: OrderTerms,
  tick: Instrument["tick"],
  account: Account,
  stamp: OrderStamp,
): OrderFields {
  const { salt, timestampMs } = stamp;
  if (!Number.isSafeInteger(salt) || salt < 0 || !Number.isSafeInteger(timestampMs) || timestampMs < 0) {
    throw invalid("salt and timestamp", `current value is ${salt}, ${timestampMs}`);
  }
  const { makerAmount, takerAmount } = amountsOf(terms, tick);
  return {
    salt,
    maker: account.funder,
    signer: account.signatureType === 3 ? account.funder : account.key,
    tokenId: terms.token,
    makerAmount,
    takerAmount,
    side: terms.side,
    signatureType: account.signatureType,
    timestamp: timestampMs,
    metadata: ZERO_32,
    builder: stamp.builder ?? ZERO_32,
  };
}

/** Fills a buffer with random bytes: `crypto.getRandomValues`, or a seeded source in tests. */
export type FillRandom = (into: Uint8Array<ArrayBuffer>) => void;

const SALT_BATCH = 64;

/** Salts of 53 bits, drawn in batches so that an order does not wait for the system's generator. */
export function saltSource(fill: FillRandom): () => number {
  const bytes = new Uint8Array(SALT_BATCH * 8);
  const view = new DataView(bytes.buffer);
  let next = SALT_BATCH;
  return () => {
    if (next === SALT_BATCH) {
      fill(bytes);
      next = 0;
    }
    const at = next++ * 8;
    return (view.getUint32(at) & 0x1fffff) * 2 ** 32 + view.getUint32(at + 4);
  };
}

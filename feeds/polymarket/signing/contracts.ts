/**
 * What an order is signed for: the exchange contracts of the venue on Polygon and their EIP-712 domains (protocol
 * dossier 5.1-5.3 of 2026-11-21; contracts page of 2026-09/10). Three order families exist; V1 is dead since 2026-04-28.
 */
import { OperationError } from "../../../core/errors.ts";
import type { MarketVersion } from "../../../core/market/instrument.ts";

export const POLYGON = 137;
/** Polygon's test network; its addresses are known from the official client's tests. */
export const AMOY = 80002;

export const EXCHANGE_V2 = "0xE111180000d2663C0091e4f400237545B87B996B";
export const NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310F59";
export const EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa";
export const EXCHANGE_V3_AMOY = "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D";

/** Name of the domain of all three families. */
export const EXCHANGE_NAME = "Polymarket CTF Exchange";
export const ORDER_TYPE_STRING =
  "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount," +
  "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)";
/** ERC-7739 nested struct that the owner of a deposit wallet signs in place of the order. */
export const TYPED_DATA_SIGN_STRING = "TypedDataSign(Order contents,string name,string version," +
  "uint256 chainId,address verifyingContract,bytes32 salt)" + ORDER_TYPE_STRING;
export const ZERO_32 = `0x${"00".repeat(32)}`;

/** One exchange contract as an EIP-712 domain; "2" settles markets of version v1, "3" those of v2. */
export interface ExchangeDomain {
  readonly version: "2" | "3";
  readonly chainId: number;
  readonly verifyingContract: string;
}

/** Identity of a domain, for caches. */
export const domainKey = (domain: ExchangeDomain): string =>
  `${domain.version}/${domain.chainId}/${domain.verifyingContract}`;

/**
 * The exchange that settles a market: by the market's own `version`, never by the shape of its ids. Throws
 * ORDER_VERSION_UNKNOWN (exit 3) for a version that is not understood: such a market is not traded.
 */
export function exchangeOf(
  market: { readonly version: MarketVersion; readonly negRisk: boolean },
  chainId: typeof POLYGON | typeof AMOY = POLYGON,
): ExchangeDomain {
  switch (market.version) {
    case "v1":
      return {
        version: "2",
        chainId,
        verifyingContract: market.negRisk ? NEG_RISK_EXCHANGE_V2 : EXCHANGE_V2,
      };
    case "v2":
      return { version: "3", chainId, verifyingContract: chainId === AMOY ? EXCHANGE_V3_AMOY : EXCHANGE_V3 };
    case "unknown":
      throw new OperationError({
        code: "ORDER_VERSION_UNKNOWN",
        message: `Cannot sign an order for a market of unknown version: current value is ${market.version}`,
        hint: "The venue names a version this program does not know; do not trade this market.",
        exit: 3,
      });
  }
}

/** Random orders signed by the venue's official client, as fields that our own ways of signing take. */
import { OrderBuilder, Side, type TickSize } from "@polymarket/clob-client-v2";
import { getBytes, Wallet } from "ethers";
import { createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Secret } from "../../../feeds/keys/secret.ts";
import { accountOf } from "../../../feeds/polymarket/signing/account.ts";
import { type ExchangeDomain, exchangeOf } from "../../../feeds/polymarket/signing/contracts.ts";
import type { Curve } from "../../../feeds/polymarket/signing/curve.ts";
import { fastSigner, type OrderSigner } from "../../../feeds/polymarket/signing/fast_signer.ts";
import type { OrderFields, SignatureType } from "../../../feeds/polymarket/signing/order.ts";

type OfficialSigner = ConstructorParameters<typeof OrderBuilder>[0];

/** The official client's two kinds of signer; ethers 6 behind the name the client knows from ethers 5. */
export function officialSigner(kind: "viem" | "ethers", key: string): OfficialSigner {
  if (kind === "viem") {
    const account = privateKeyToAccount(key as `0x${string}`);
    return createWalletClient({ account, transport: http("http://127.0.0.1:1") });
  }
  const wallet = new Wallet(key);
  return {
    getAddress: () => wallet.getAddress(),
    _signTypedData: (...given: Parameters<Wallet["signTypedData"]>) => wallet.signTypedData(...given),
  } as unknown as OfficialSigner;
}

/** One trader: key, account, our fast signer and the official client's builders. */
export interface Trader {
  readonly key: Secret<string>;
  readonly fast: OrderSigner;
  readonly builders: Readonly<Record<"viem" | "ethers", OrderBuilder>>;
}

export function traderOf(key: string, signatureType: SignatureType, curve: Curve): Trader {
  const account = accountOf({ key: new Wallet(key).address, signatureType: String(signatureType) });
  const builder = (kind: "viem" | "ethers") =>
    new OrderBuilder(officialSigner(kind, key), 137, signatureType, account.funder);
  return {
    key: new Secret(key),
    fast: fastSigner(account, new Secret(getBytes(key)), curve),
    builders: { viem: builder("viem"), ethers: builder("ethers") },
  };
}

const TICKS: readonly [TickSize, number][] = [["0.1", 1], ["0.01", 2], ["0.001", 3], ["0.0001", 4]];

export interface OfficialOrder {
  readonly fields: OrderFields;
  readonly domain: ExchangeDomain;
  readonly signature: string;
}

const hex = (random: () => number, bytes: number): string =>
  Array.from({ length: bytes }, () => Math.floor(random() * 256).toString(16).padStart(2, "0")).join("");

/** What to order, drawn from `random` (0 <= x < 1). */
export function drawOrder(random: () => number) {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const [tickSize, decimals] = pick(TICKS);
  const steps = 10 ** decimals;
  return {
    tickSize,
    price: Number(((1 + Math.floor(random() * (steps - 1))) / steps).toFixed(decimals)),
    amount: Number((5 + random() * 10 ** Math.floor(random() * 5)).toFixed(2)),
    side: pick([Side.BUY, Side.SELL]),
    market: random() < 0.4,
    negRisk: random() < 0.3,
    version: pick([2, 3]),
    tokenID: BigInt(`0x${hex(random, random() < 0.1 ? 2 : 32)}`).toString(),
    ...(random() < 0.3 ? { builderCode: `0x${hex(random, 32)}` } : {}),
  };
}

/** Has the official client build and sign it; its salt and timestamp are the client's own. */
export async function officialOrder(
  builder: OrderBuilder,
  drawn: ReturnType<typeof drawOrder>,
): Promise<OfficialOrder> {
  const { tickSize, price, amount, side, market, negRisk, version, tokenID } = drawn;
  const options = { tickSize, negRisk };
  const common = {
    tokenID,
    price,
    side,
    ...(drawn.builderCode === undefined ? {} : { builderCode: drawn.builderCode }),
  };
  const signed = market
    ? await builder.buildMarketOrder({ ...common, amount }, options, version)
    : await builder.buildOrder({ ...common, size: amount }, options, version);
  if (!("metadata" in signed)) throw new Error("the official client built a V1 order");
  const fields: OrderFields = {
    salt: Number(signed.salt),
    maker: signed.maker,
    signer: signed.signer,
    tokenId: signed.tokenId,
    makerAmount: Number(signed.makerAmount),
    takerAmount: Number(signed.takerAmount),
    side: signed.side === Side.BUY ? "buy" : "sell",
    signatureType: signed.signatureType as SignatureType,
    timestamp: Number(signed.timestamp),
    metadata: String(signed.metadata),
    builder: String(signed.builder),
  };
  return {
    fields,
    domain: exchangeOf({ version: version === 2 ? "v1" : "v2", negRisk }),
    signature: signed.signature,
  };
}

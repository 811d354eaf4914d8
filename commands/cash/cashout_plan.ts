/** What a cash-out wants, and everything that it reads before and after. */
import type { Ms } from "../../core/units.ts";
import { ms } from "../../core/units.ts";
import { stageOf } from "../../core/orders/lifecycle_table.ts";
import { balanceCall, PUSD, transferCall, USDC_E } from "../../feeds/chain/contracts.ts";
import type { MoneyRun } from "../../feeds/chain/money_journal.ts";
import { moneyOf, namesOf } from "../trading/holdings.ts";
import { type CashDesk, microText, polText } from "./desk.ts";
import type { ChainHoldings, Search } from "./holdings.ts";
import type { Deed } from "./perform.ts";
import { rampCalls } from "./ramp_command.ts";

/** What arrives: pUSD is transferred, USDC.e comes out of the ramp. */
export type CashAsset = "usdc.e" | "pusd";

export interface CashoutWish {
  /** Checksummed. */
  readonly to: string;
  /** Millionths; null: everything that is free. */
  readonly amount: bigint | null;
  readonly asset: CashAsset;
  readonly search: Search;
}

/** The wish as the journal keeps it. */
export const wishArgs = ({ amount, asset, to }: CashoutWish) => ({
  to,
  asset,
  amount: amount === null ? "all" : microText(amount),
});

/** True when a run of the journal has the same wish. */
export function sameWish(run: MoneyRun, wish: CashoutWish): boolean {
  return Object.entries(wishArgs(wish)).every(([name, value]) => run.args[name] === value);
}

/** How long matched trades may take to settle before their money is held back. */
const FILLS_MS = 180_000;
/** Trades older than this have settled or failed. */
const RECENT_MS = 3_600_000;

/**
 * Waits for matched trades to be confirmed or to fail. Returns pUSD that those still open may take, millionths. Throws
 * HttpError.
 */
export async function settleFills(desk: CashDesk): Promise<bigint> {
  const { ctx, open } = desk;
  const { clock } = open.venue;
  const startMs = clock.now();
  for (let round = 0;; round++) {
    const { rows } = await open.entry.trades({ afterMs: Math.max(0, clock.now() - RECENT_MS) as Ms });
    const waiting = rows.filter(({ report }) => stageOf(report.state) === "provisional");
    if (waiting.length === 0) return 0n;
    if (clock.now() - startMs >= Math.min(FILLS_MS, ctx.config.chain.giveUpMs)) {
      const money = await moneyOf(0 as never, [], waiting, namesOf(ctx, open));
      return BigInt(money.provisionalOut);
    }
    desk.onProgress(`waits for ${waiting.length} matched trades to settle`);
    await clock.sleep(ms(1_000), ctx.signal);
  }
}

export const assetToken = (asset: CashAsset): string => asset === "pusd" ? PUSD : USDC_E;

/** Balance of the destination in what will arrive, millionths. */
export async function destinationBalance(desk: CashDesk, { asset, to }: CashoutWish): Promise<bigint> {
  const { values } = await desk.read([balanceCall(assetToken(asset), to)]);
  return values[0] ?? 0n;
}

/** The payment: a transfer, or an exact approval and the ramp with the destination as its receiver. */
export function paymentDeed(wish: CashoutWish, holdings: ChainHoldings, amount: bigint): Deed {
  const { asset, to } = wish;
  const name = asset === "pusd" ? "transfer" : "unwrap";
  return {
    name,
    title: `${name} ${microText(amount)} to ${to.slice(0, 8)}...${to.slice(-6)}`,
    calls: asset === "pusd" ? [transferCall(PUSD, to, amount)] : rampCalls("unwrap", holdings, to, amount),
    payment: { amount: String(amount), to },
  };
}

export const holdingsData = ({ gas, pusd, usdce }: ChainHoldings) => ({
  pusd: microText(pusd),
  usdce: microText(usdce),
  gas: polText(gas),
});

/** "12.500000" as millionths. */
export const microOf = (text: unknown): bigint => BigInt(String(text ?? "0").replace(".", ""));

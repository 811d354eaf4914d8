/** The chain's word beside the venue's and the journal's: one round trip for everything. */
import { balanceCall, CTF, POSITION_MANAGER, PUSD, sharesCall, USDC_E } from "../../feeds/chain/contracts.ts";
import { gasCall, readBatch } from "../../feeds/chain/reads.ts";
import type { OpenAccount } from "../account.ts";
import type { CommandContext } from "../command.ts";
import { moneyText } from "../output.ts";
import type { Holding } from "../trading/holdings.ts";
import { holdingData } from "../trading/holdings_view.ts";
import { microText, openChain } from "./desk.ts";

export interface ChainSide {
  readonly block: number;
  /** Millionths. */
  readonly pusd: bigint;
  readonly usdce: bigint;
  /** POL of the key, wei. */
  readonly gas: bigint;
  /** Millionths of shares by token. */
  readonly shares: ReadonlyMap<string, bigint>;
}

/** Reads it; null with a warning (`code`) where Polygon cannot be read or is not to be believed. */
export async function chainSide(
  ctx: CommandContext,
  open: OpenAccount,
  tokens: readonly string[],
  code: "GAS_UNKNOWN" | "CHAIN_UNKNOWN",
): Promise<ChainSide | null> {
  const { funder, key } = open.account;
  try {
    const { block, timestampS, values } = await readBatch(openChain(ctx, open), [
      balanceCall(PUSD, funder),
      balanceCall(USDC_E, funder),
      gasCall(key),
      // A token's ledger depends on its market's version; on the other it is zero.
      ...tokens.flatMap((
        token,
      ) => [sharesCall(CTF, funder, token), sharesCall(POSITION_MANAGER, funder, token)]),
    ]);
    const ageMs = open.venue.clock.now() - timestampS * 1_000;
    if (ageMs > ctx.config.chain.maxBlockAgeMs) {
      throw new Error(`its newest block is ${Math.round(ageMs / 1_000)} s old`);
    }
    const [pusd = null, usdce = null, gas = null, ...shares] = values;
    if (pusd === null || usdce === null || gas === null) throw new Error("a token contract gives no balance");
    const held = tokens.map((token, at) =>
      [token, (shares[2 * at] ?? 0n) + (shares[2 * at + 1] ?? 0n)] as const
    );
    return { block, pusd, usdce, gas, shares: new Map(held) };
  } catch (error) {
    ctx.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    const what = code === "GAS_UNKNOWN"
      ? `POL and balances of ${funder}`
      : `Balances of ${funder} on Polygon`;
    ctx.warn({ code, message: `${what} could not be read: ${why}` });
    return null;
  }
}

/** Venue less chain, millionths; null where the chain could not be read. */
export const chainDifference = (venue: number, chain: bigint | null): bigint | null =>
  chain === null ? null : BigInt(venue) - chain;

const sharesOn = (side: ChainSide | null, token: string): bigint | null => side?.shares.get(token) ?? null;

/** A row of `data.positions` with the chain's side. */
export function holdingOnChain(row: Holding, side: ChainSide | null) {
  const chain = sharesOn(side, row.token);
  const difference = chainDifference(row.venue, chain);
  return {
    ...holdingData(row),
    chain: chain === null ? null : microText(chain),
    chainDifference: difference === null ? null : microText(difference),
  };
}

/** Tokens whose venue and chain balances differ. */
export const differingOnChain = (rows: readonly Holding[], side: ChainSide | null): Holding[] =>
  rows.filter(({ token, venue }) => {
    const difference = chainDifference(venue, sharesOn(side, token));
    return difference !== null && difference !== 0n;
  });

/** Warns of differences. */
export function warnDifferences(
  ctx: CommandContext,
  rows: readonly Holding[],
  side: ChainSide | null,
  collateral: number | null,
): void {
  const differing = differingOnChain(rows, side).length;
  const cash = collateral === null ? null : chainDifference(collateral, side?.pusd ?? null);
  if (differing === 0 && (cash === null || cash === 0n)) return;
  const parts = [
    ...cash === null || cash === 0n ? [] : [`${moneyText(Number(cash))} pUSD`],
    ...differing === 0 ? [] : [`${differing} tokens`],
  ];
  ctx.warn({
    code: "CHAIN_DIFFERS",
    message:
      `Venue and chain differ: ${
        parts.join(" and ")
      }. Trades on their way and the venue's copy, which trails by ` +
      "some seconds, explain some; `doctor --fix` has the venue read again.",
  });
}

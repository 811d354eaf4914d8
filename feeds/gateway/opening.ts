/** The start: the venue's snapshot, our open orders cancelled, unknown ones asked for, ledgers and balances compared. */
import { OperationError } from "../../core/errors.ts";
import { stageOf } from "../../core/orders/lifecycle_table.ts";
import { type Ms, ms, type Shares, type Usdc } from "../../core/units.ts";
import type { LatchMark } from "../journal/latch.ts";
import type { ListedOrder } from "../polymarket/order_entry/types.ts";
import {
  isQuiet,
  postLost,
  postTransfer,
  readBalances,
  shareDifferences,
  takeRedemptions,
  tokensToRead,
} from "./balances.ts";
import { cancelOurs, type Desk, now, readOpenOrders, takeTrades, unknownHashes } from "./desk.ts";
import type { Difference, ForeignPosition, StartReport } from "./types.ts";

/** A part of the snapshot is missing: nothing may be traded. */
export function incomplete(what: string, cause?: unknown): OperationError {
  const why = cause === undefined ? "" : `: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new OperationError({
    code: "RECONCILE_INCOMPLETE",
    message: `Cannot take the venue's snapshot: ${what}${why}`,
    hint:
      "Nothing is traded until journal and venue agree. Check the network and the venue, then start again.",
    cause,
  });
}

async function part<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof OperationError && /^(JOURNAL|DISK)/.test(cause.code)) throw cause;
    if (!(cause instanceof OperationError)) throw cause;
    throw incomplete(what, cause);
  }
}

/** From when trades must be read: everything unsettled, and the last hours for what others did. */
function tradesFrom(desk: Desk): Ms {
  const { life } = desk.keeper.wallet;
  let from = now(desk) - desk.timing.lookbackMs;
  for (const { createdAtMs, endedAtMs, stale } of life.orders.values()) {
    if (endedAtMs === null || stale) from = Math.min(from, createdAtMs);
  }
  for (const { state, matchedAtMs } of life.trades.values()) {
    if (stageOf(state) === "provisional") from = Math.min(from, matchedAtMs);
  }
  return ms(from - desk.timing.overlapMs);
}

/** Asks for orders that were on their way until all are known or time is up. */
async function resolveUnknown(desk: Desk): Promise<void> {
  const { keeper, asker, timing, options } = desk;
  const until = now(desk) + timing.resolveMs;
  for (;;) {
    keeper.take({ type: "clock", at: now(desk) });
    await asker.idle();
    if (unknownHashes(desk).length === 0 || now(desk) >= until) return;
    await options.clock.sleep(timing.roundMs as Ms);
  }
}

interface Compared {
  readonly cash: Usdc;
  readonly differences: readonly Difference[];
  readonly foreignPositions: readonly ForeignPosition[];
}

/** Compares balances; what is quiet and differs is corrected in the ledger, with a row that says so. */
async function compare(desk: Desk): Promise<Compared> {
  const { keeper } = desk;
  const tokens = tokensToRead(desk);
  const reading = await part("balances cannot be read", () => readBalances(desk, tokens));
  const at = now(desk);
  if (keeper.wallet.isNew) keeper.ledger({ type: "opening", cash: reading.cash });
  const differences: Difference[] = [];
  for (const { payout: _, ...row } of takeRedemptions(desk, reading, tokens)) differences.push(row);
  const foreignPositions: ForeignPosition[] = [];
  const quiet = isQuiet(desk);
  for (const row of shareDifferences(desk, reading, tokens)) {
    const token = row.token!;
    const facts = tokens.get(token)!;
    if (row.venue > row.ledger) {
      // While trades settle, surplus shares may be our own purchase on its way into the ledger.
      if (!quiet && keeper.wallet.ledgers.provisional.tokens.has(token)) continue;
      const shares = (row.venue - row.ledger) as Shares;
      desk.foreignShares.set(token, shares);
      desk.foreignTold.set(token, shares);
      foreignPositions.push({ token, ...pick(facts), shares });
      continue;
    }
    differences.push(row);
    if (quiet) postLost(desk, token, facts, row.ledger - row.venue);
  }
  const ledger = keeper.wallet.ledgers.final.cash;
  if (ledger !== reading.cash) {
    differences.push({ kind: "cash", token: null, conditionId: null, ledger, venue: reading.cash });
    if (quiet) postTransfer(desk, reading.cash - ledger);
  }
  keeper.note("note", { type: "snapshot", cash: reading.cash, differences, corrected: quiet, at });
  return { cash: reading.cash, differences, foreignPositions };
}

const pick = ({ conditionId, outcome }: Omit<ForeignPosition, "token" | "shares">) => ({
  conditionId,
  outcome,
});

/** Everything after heartbeat and user socket are up. Throws RECONCILE_INCOMPLETE and what the journal throws. */
export async function openBooks(
  desk: Desk,
  latch: LatchMark | null,
  unknownBefore: ReadonlySet<string>,
): Promise<StartReport> {
  const { keeper, options } = desk;
  const isNew = keeper.wallet.isNew;
  const first = await part("open orders cannot be listed", () => readOpenOrders(desk));
  let foreignOrders: readonly ListedOrder[] = first.foreign;
  if (options.cancelForeign === true && foreignOrders.length > 0) {
    await part("foreign orders cannot be cancelled", () => options.entry.cancelAll());
  }
  const mayRestAny = first.ours.length > 0 || unknownBefore.size > 0;
  if (mayRestAny) {
    const { open, proved } = await cancelOurs(desk, () => 0);
    if (!proved) throw incomplete(`${open.length} of our own orders are still open after cancelling them`);
  }
  const from = tradesFrom(desk);
  const { rows } = await part("trades cannot be listed", () => options.entry.trades({ afterMs: from }));
  const news = takeTrades(desk, rows, true);
  await resolveUnknown(desk);
  if (mayRestAny || options.cancelForeign === true) {
    const last = await part("open orders cannot be listed", () => readOpenOrders(desk));
    if (last.ours.length > 0) throw incomplete(`${last.ours.length} of our own orders are still open`);
    foreignOrders = last.foreign;
  }
  const compared = await compare(desk);
  if (keeper.broken !== null) throw keeper.broken;
  const begun = keeper.translator.begin({
    at: now(desk),
    bankroll: options.bankroll ?? 0 as Usdc,
    foreignPositions: compared.foreignPositions,
    foreignOrders,
  });
  const unknown = unknownHashes(desk);
  return {
    isNew,
    latch,
    ...compared,
    ...begun,
    unknown,
    unknownResolved: [...unknownBefore].filter((hash) => !unknown.includes(hash)).length,
    cancelled: first.ours,
    foreignOrders,
    trades: { read: rows.length, new: news },
    unsettled: unsettledTrades(desk).length,
  };
}

/** Ids of our trades that are neither confirmed nor failed. */
export const unsettledTrades = (desk: Desk): string[] =>
  [...desk.keeper.wallet.life.trades.values()]
    .filter(({ state, legs }) => legs.length > 0 && stageOf(state) === "provisional")
    .map(({ id }) => id);

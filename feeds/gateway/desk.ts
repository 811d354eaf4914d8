/** What the parts of a gateway share, and the readings of the venue that several of them need. */
import type { Outcome } from "../../core/market/instrument.ts";
import { hashOf } from "../../core/orders/lifecycle_reply.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import { knowsOrder } from "../../core/orders/lifecycle_past.ts";
import type { TrackedOrder } from "../../core/orders/lifecycle_types.ts";
import type { Ms, Shares } from "../../core/units.ts";
import type { ListedOrder, ListedTrade } from "../polymarket/order_entry/types.ts";
import type { Asker } from "./asker.ts";
import type { Keeper } from "./keeper.ts";
import { isUnfinished } from "./words.ts";
import type { Markets } from "./markets.ts";
import type { GatewayOptions, GatewayTiming } from "./types.ts";

export interface TokenFacts {
  readonly conditionId: string;
  readonly outcome: Outcome;
}

/** More than that and the oldest is forgotten. */
const MAX_FOREIGN_TOKENS = 1_000;

export interface Desk {
  readonly options: GatewayOptions;
  readonly timing: GatewayTiming;
  readonly keeper: Keeper;
  readonly asker: Asker;
  readonly markets: Markets;
  readonly alarm: (code: string, detail: string) => void;
  /** Tokens that trades of no order of ours named: shares of others may lie in the wallet. */
  readonly foreignTokens: Map<string, TokenFacts>;
  /** Shares of foreign tokens in the wallet, as last read. */
  readonly foreignShares: Map<string, number>;
  /** Shares of foreign tokens that trades which are not settled bring. */
  readonly foreignPending: Map<string, number>;
  /** Shares of foreign tokens that the engine was told of. */
  readonly foreignTold: Map<string, number>;
  /** Resolved windows: what others have of them counts to nothing any more. */
  readonly overWindows: Set<string>;
  /** A trade of no order of ours stands in a listing. */
  readonly onForeignTrade: (row: ListedTrade) => void;
}

const MAX_OVER = 2_000;

/** A window was resolved: the engine has let go of everything in it. */
export function noteOver({ foreignTold, foreignTokens, overWindows }: Desk, conditionId: string): void {
  overWindows.add(conditionId);
  if (overWindows.size > MAX_OVER) overWindows.delete(overWindows.values().next().value!);
  for (const token of foreignTold.keys()) {
    if (foreignTokens.get(token)?.conditionId === conditionId) foreignTold.delete(token);
  }
}

/** Tells the engine what of others' shares came or went since it was told last. */
export function tellForeign(desk: Desk, token: string): void {
  const { foreignPending, foreignShares, foreignTokens, foreignTold, keeper, overWindows } = desk;
  const facts = foreignTokens.get(token);
  if (facts === undefined || overWindows.has(facts.conditionId)) return;
  if (keeper.wallet.ledgers.winners.has(facts.conditionId)) return;
  const shares = (foreignShares.get(token) ?? 0) + (foreignPending.get(token) ?? 0);
  const change = shares - (foreignTold.get(token) ?? 0);
  if (change === 0) return;
  if (shares === 0) foreignTold.delete(token);
  else foreignTold.set(token, shares);
  const { conditionId, outcome } = facts;
  keeper.tellForeignShares({ token, conditionId, outcome, shares: change as Shares });
}

export const now = (desk: Desk): Ms => desk.options.clock.now();

/** It is, or may come, on the venue's book. */
export const mayRest = (order: TrackedOrder): boolean => !isEnded(order.state) || order.disputed;

/** Orders whose fate the venue has not told clearly, or whose trades are not all known. */
export function unknownHashes(desk: Desk): string[] {
  const { wallet } = desk.keeper;
  const hashes: string[] = [];
  for (const order of wallet.life.orders.values()) {
    const { terms, state } = order;
    const early = state === "unknown" || state === "created" || state === "sent";
    if (early || isEnded(state) && isUnfinished(wallet, order)) hashes.push(terms.hash);
  }
  return hashes;
}

export interface OpenNow {
  readonly ours: readonly string[];
  readonly foreign: readonly ListedOrder[];
}

/** Lists the open orders of the API key and tells the orders' lives about ours. Throws HttpError. */
export async function readOpenOrders(desk: Desk): Promise<OpenNow> {
  const { askedAt, rows } = await desk.options.entry.openOrders();
  const { life } = desk.keeper.wallet;
  const ours: string[] = [];
  const foreign: ListedOrder[] = [];
  for (const row of rows) {
    if (knowsOrder(life, hashOf(row.hash))) ours.push(hashOf(row.hash));
    else foreign.push(row);
  }
  desk.keeper.take({ type: "openOrders", at: now(desk), askedAt, hashes: ours });
  return { ours, foreign };
}

const outcomeOf = (text: string): Outcome => /^(down|no)$/i.test(text) ? "down" : "up";

/** Remembers which tokens a foreign trade may have brought; the balances tell whether it did. */
export function noteForeignTokens(desk: Desk, { report, conditionId, outcome, parts }: ListedTrade): void {
  const told = outcomeOf(outcome);
  // A row that does not say whose its parts are may have brought either token.
  const tokens = parts.length > 0
    ? parts.map(({ token }) => token)
    : [report.token, ...report.makers.map(({ token }) => token)];
  for (const token of new Set(tokens)) {
    const known = desk.markets.ofToken(token);
    const guess = token === report.token ? told : told === "up" ? "down" : "up";
    if (desk.foreignTokens.size >= MAX_FOREIGN_TOKENS) {
      desk.foreignTokens.delete(desk.foreignTokens.keys().next().value!);
    }
    desk.foreignTokens.set(token, {
      conditionId,
      outcome: known === undefined ? guess : token === known.upToken ? "up" : "down",
    });
  }
}

/** Takes listed trades in; `quietly`: foreign ones are noted without an alarm. Returns how many moved something. */
export function takeTrades(desk: Desk, rows: readonly ListedTrade[], quietly = false): number {
  let moved = 0;
  for (const row of rows) {
    const { keeper } = desk;
    if (!keeper.isOurTrade(row.report)) {
      noteForeignTokens(desk, row);
      desk.onForeignTrade(row);
      if (quietly) keeper.noteForeign(row.report.id);
    }
    const before = keeper.wallet.life.trades.get(row.report.id)?.state;
    keeper.takeListed(row.report);
    const after = keeper.wallet.life.trades.get(row.report.id)?.state;
    if (after !== before) moved++;
  }
  return moved;
}

export interface CancelResult {
  /** Ours that the last listing showed, or that may rest when no listing could be had. */
  readonly open: readonly string[];
  readonly proved: boolean;
}

/**
 * Cancels what of ours rests or may rest until the venue's own listing shows none, a bounded number of times. An order
 * that is on its way is marked too: it is cancelled as soon as it is seen. `isOver`: nobody waits for it any more.
 */
export async function cancelOurs(
  desk: Desk,
  replies: () => number,
  isOver: () => boolean = () => false,
): Promise<CancelResult> {
  const { timing, asker, keeper, options } = desk;
  let open: readonly string[] = [];
  let proved = false;
  for (let round = 0; round < timing.cancelRounds; round++) {
    for (const order of [...keeper.wallet.life.orders.values()]) {
      if (mayRest(order)) asker.cancel(order.terms.hash);
    }
    // Not for questions: a venue that answers none must not hold up the next attempt.
    await asker.cancelled();
    if (isOver()) break;
    try {
      const listed = await readOpenOrders(desk);
      open = listed.ours;
      proved = open.length === 0;
    } catch (error) {
      options.log.warn("open orders cannot be listed", { error: String(error) });
      open = [...keeper.wallet.life.orders.values()].filter(mayRest).map(({ terms }) => terms.hash);
      proved = false;
    }
    if (isOver() || proved && replies() === 0) break;
    keeper.take({ type: "clock", at: now(desk) });
    if (round + 1 < timing.cancelRounds) await options.clock.sleep(timing.roundMs as Ms);
  }
  return { open, proved };
}

/**
 * The life of our orders and trades: `applyInput()` takes whatever the venue, the clock or we ourselves say, in any order
 * and any number of times, and returns what must be done. No I/O and no clock of its own: the same inputs give the same
 * state, so a journal of inputs is a journal of state.
 *
 * Three habits keep it safe. An order exists from before its bytes leave, under the hash the venue will call it by. What
 * the venue has not answered is `unknown` and keeps its budget until the venue was asked for that hash, late enough that
 * a request still under way would have landed. And amounts only grow: `shown` is what order messages state, `told` is the
 * sum of trades; where they differ, money is on its way and stays blocked.
 */
import { invariant } from "../errors.ts";
import { SIZE_STEP } from "../market/rounding.ts";
import type { Ms, Shares, Usdc } from "../units.ts";
import {
  alarm,
  DEFAULT_TIMING,
  isImmediate,
  isSettled,
  type LifeTiming,
  matchedOf,
  nextAsk,
  put,
  type Work,
} from "./lifecycle_ask.ts";
import { isEnded, nextState, nextTradeState, type Signal, stageOf } from "./lifecycle_table.ts";
import { broughtBack, isSamePast, knowsOrder, mayBeForgotten, orderOf } from "./lifecycle_past.ts";
import { legsOf, sameLegs } from "./lifecycle_trade.ts";
import type {
  CancelOutcome,
  Fill,
  LifeAction,
  LifeInput,
  OrderLife,
  OrderTerms,
  SubmitOutcome,
  TrackedOrder,
  TrackedTrade,
  TradeLeg,
  TradeReport,
  TradeState,
  VenueOrderStatus,
} from "./lifecycle_types.ts";
import { OrderMap } from "./order_map.ts";
import { Past, type PastLimits } from "./past.ts";

export const newOrderLife = (limits?: PastLimits): OrderLife => ({
  orders: new OrderMap((order) => !isEnded(order.state) || order.disputed),
  trades: new Map(),
  past: new Past(limits),
});

/**
 * Applies one input to `life` (changed in place) and returns what must be done, in order. Inputs about hashes that were
 * never `created` are not ours: they raise an alarm where the venue says we own them, and change nothing.
 */
export function applyInput(
  life: OrderLife,
  input: LifeInput,
  timing: LifeTiming = DEFAULT_TIMING,
): readonly LifeAction[] {
  const work: Work = { life, at: input.at, timing, actions: [] };
  switch (input.type) {
    case "created":
      create(work, input.terms);
      break;
    case "trade":
      applyTrade(work, input.trade);
      break;
    case "openOrders":
      applyListing(work, input.askedAt, input.hashes);
      break;
    case "restart":
      for (const order of life.orders.values()) {
        if (!isSettled(work, order)) {
          put(work, { ...moved(order, "restart", work.at), stale: true, askAtMs: null, asks: 0 });
        }
      }
      break;
    case "clock":
      tick(work);
      break;
    default: {
      const order = broughtBack(life, input.hash);
      if (order !== undefined) put(work, applyToOrder(work, order, input));
      else if (input.type === "orderEvent") alarm(work, "FOREIGN_ORDER", `event for order ${input.hash}`);
    }
  }
  return work.actions;
}

function create(work: Work, terms: OrderTerms): void {
  // A journal read twice must not make an order anew.
  if (knowsOrder(work.life, terms.hash)) return;
  invariant(terms.hash === terms.hash.toLowerCase(), "order hashes are kept in lower case");
  work.life.orders.set(terms.hash, {
    terms,
    state: "created",
    createdAtMs: work.at,
    sentAtMs: null,
    shown: 0 as Shares,
    told: 0 as Shares,
    toldCash: 0 as Usdc,
    tradeIds: [],
    cancelAskedAtMs: null,
    disputed: false,
    stale: false,
    askAtMs: null,
    asks: 0,
    endedAtMs: null,
    reason: null,
  });
}

/** The order after a signal; the first end notes its time and reason. */
function moved(order: TrackedOrder, signal: Signal, at: Ms, reason: string | null = null): TrackedOrder {
  const state = nextState(order.state, signal);
  if (state === order.state) return order;
  const ends = isEnded(state) && !isEnded(order.state);
  return {
    ...order,
    state,
    asks: 0,
    askAtMs: null,
    ...(ends ? { endedAtMs: at, reason: reason ?? signal } : {}),
    // Seen from here on as sent, even when the row that said so was lost.
    sentAtMs: order.sentAtMs ?? (signal === "drop" ? null : at),
  };
}

type OrderInput = Extract<LifeInput, { readonly hash: string }>;

function applyToOrder(work: Work, order: TrackedOrder, input: OrderInput): TrackedOrder {
  switch (input.type) {
    case "sent":
      return { ...moved(order, "send", work.at), sentAtMs: order.sentAtMs ?? work.at };
    case "dropped":
      return moved(order, "drop", work.at, input.code);
    case "submitReply":
      return applyReply(work, order, input.outcome);
    case "orderEvent": {
      const told = grown({ ...order, stale: false }, input.matched, input.tradeIds);
      return input.event === "cancellation"
        ? ended(work, told, input.status, input.reason)
        : byStatus(work, told, input.status, input.reason);
    }
    case "lookup":
      return applyLookup(work, order, input);
    case "cancelAsked":
      return { ...moved(order, "askCancel", work.at), cancelAskedAtMs: work.at };
    case "cancelReply":
      return applyCancel(work, order, input.outcome);
  }
}

function applyReply(work: Work, order: TrackedOrder, outcome: SubmitOutcome): TrackedOrder {
  switch (outcome.kind) {
    case "accepted": {
      const told = grown(order, outcome.matched, outcome.tradeIds);
      const seen = byStatus(work, told, outcome.status, "");
      return outcome.matched === null && !isEnded(seen.state) ? { ...seen, stale: true } : seen;
    }
    case "rejected":
      return moved(order, "reject", work.at, outcome.code);
    case "killed":
      return moved(order, "kill", work.at, outcome.code);
    case "landed":
      return moved(order, "lose", work.at);
    case "unknown":
      if (outcome.code === "HASH_MISMATCH") {
        alarm(work, "HASH_MISMATCH", `${order.terms.hash}: ${outcome.message}`);
      }
      return moved(order, "lose", work.at);
  }
}

/** Cumulative amounts only grow, and named trades are remembered. */
function grown(order: TrackedOrder, matched: Shares | null, tradeIds: readonly string[]): TrackedOrder {
  const fresh = tradeIds.filter((id) => !order.tradeIds.includes(id));
  if ((matched === null || matched <= order.shown) && fresh.length === 0) return order;
  return {
    ...order,
    shown: Math.max(order.shown, matched ?? 0) as Shares,
    tradeIds: fresh.length === 0 ? order.tradeIds : [...order.tradeIds, ...fresh],
  };
}

function byStatus(work: Work, order: TrackedOrder, status: VenueOrderStatus, reason: string): TrackedOrder {
  switch (status) {
    case "delayed":
      return alive(work, moved(order, "hold", work.at));
    case "live":
    case "unmatched":
      return byAmounts(work, alive(work, moved(order, "open", work.at)));
    case "matched":
      // A resting order is called MATCHED while only a part is; its amounts decide. An immediate one is over.
      return isImmediate(order.terms)
        ? alive(work, moved(order, "full", work.at))
        : byAmounts(work, alive(work, moved(order, "open", work.at)));
    case "cancelled":
    case "invalid":
      return ended(work, order, status, reason);
  }
}

/** The venue shows it alive although we had given it up: its budget is blocked again until the venue was asked. */
function alive(work: Work, order: TrackedOrder): TrackedOrder {
  return order.state === "rejected" || order.reason === "ORDER_ABSENT" ? dispute(work, order) : order;
}

function dispute(work: Work, order: TrackedOrder): TrackedOrder {
  if (order.disputed) return order;
  alarm(
    work,
    "REJECTED_BUT_ALIVE",
    `${order.terms.hash} was ${order.state} (${order.reason}), the venue shows it alive`,
  );
  return { ...order, disputed: true, askAtMs: null, asks: 0 };
}

/** Less than a hundredth of a share cannot rest. A market BUY has no size: only the venue's word says that it is over. */
const isFull = (order: TrackedOrder): boolean =>
  order.terms.size > 0 && order.terms.size - matchedOf(order) < SIZE_STEP;

const byAmounts = (work: Work, order: TrackedOrder): TrackedOrder =>
  matchedOf(order) === 0 ? order : moved(order, isFull(order) ? "full" : "part", work.at);

function ended(work: Work, order: TrackedOrder, status: VenueOrderStatus, reason: string): TrackedOrder {
  const { terms } = order;
  const over = { ...order, disputed: false };
  if (isImmediate(terms)) return moved(over, "kill", work.at, reason === "" ? status : reason);
  const own = order.cancelAskedAtMs === null && terms.expiresAtMs !== null && work.at >= terms.expiresAtMs;
  const signal = own && status !== "invalid" ? "expire" : "end";
  return moved(over, signal, work.at, reason === "" ? status : reason);
}

function applyLookup(
  work: Work,
  order: TrackedOrder,
  { askedAt, found }: Extract<LifeInput, { type: "lookup" }>,
): TrackedOrder {
  if (found === null) {
    const sent = order.sentAtMs ?? order.createdAtMs;
    if (askedAt < sent + work.timing.landingMs) return order;
    const asked = { ...order, stale: false, disputed: false };
    const gone = moved(asked, "absent", work.at, "ORDER_ABSENT");
    if (gone.state === "cancelled" && order.state !== "cancelled") {
      alarm(
        work,
        "ACCEPTED_BUT_ABSENT",
        `${order.terms.hash} was ${order.state}, the venue does not know it`,
      );
    }
    return gone;
  }
  const told = grown({ ...order, stale: false }, found.matched, found.tradeIds);
  if (isEnded(order.state)) return afterEnd(work, told, askedAt, found.status);
  const seen = byStatus(work, told, found.status, "");
  if (isEnded(seen.state) || order.cancelAskedAtMs === null || askedAt < order.cancelAskedAtMs) return seen;
  // A cancel that was asked for is asked for until the order is gone.
  work.actions.push({ type: "cancel", hash: order.terms.hash });
  return moved(seen, "askCancel", work.at);
}

/** What the venue says of an order that has ended by our account. */
function afterEnd(work: Work, order: TrackedOrder, askedAt: Ms, status: VenueOrderStatus): TrackedOrder {
  const dead = status === "cancelled" || status === "invalid";
  if (!dead && !(status === "matched" && (isImmediate(order.terms) || isFull(order)))) {
    return askedAt >= (order.endedAtMs ?? 0) ? stillAlive(work, order) : order;
  }
  if (order.state === "rejected" && matchedOf(order) > 0 && !order.disputed) {
    alarm(work, "REJECTED_BUT_ALIVE", `${order.terms.hash} was rejected (${order.reason}) and has matched`);
  }
  const settled = { ...order, disputed: false };
  return dead && isImmediate(order.terms) ? moved(settled, "kill", work.at) : settled;
}

/** An ended order that the venue, asked after the end, still has open: it must go. */
function stillAlive(work: Work, order: TrackedOrder): TrackedOrder {
  const disputed = dispute(work, order);
  work.actions.push({ type: "cancel", hash: order.terms.hash });
  return disputed;
}

/** The one reason that settles it besides a success; others may also mean a held order that cannot be cancelled yet. */
function applyCancel(work: Work, order: TrackedOrder, outcome: CancelOutcome): TrackedOrder {
  if (outcome.kind === "cancelled") {
    return moved(
      { ...order, disputed: false },
      isImmediate(order.terms) ? "kill" : "end",
      work.at,
      "cancelled",
    );
  }
  const reason = outcome.reason.toLowerCase();
  if (outcome.kind === "refused" && reason === "order already matched") {
    return { ...moved(order, "full", work.at), stale: true };
  }
  if (outcome.kind === "refused" && reason === "order already canceled") {
    return moved(
      { ...order, disputed: false },
      isImmediate(order.terms) ? "kill" : "end",
      work.at,
      "cancelled",
    );
  }
  // Still cancelling, held, or never there: only the venue's own answer for the hash tells.
  return { ...order, stale: true, askAtMs: order.asks === 0 ? null : order.askAtMs };
}

function applyListing(work: Work, askedAt: Ms, hashes: readonly string[]): void {
  const listed = new Set(hashes);
  for (const order of work.life.orders.values()) {
    const isListed = listed.delete(order.terms.hash);
    if (isEnded(order.state)) {
      if (isListed && askedAt >= (order.endedAtMs ?? 0)) put(work, stillAlive(work, order));
    } else if (isListed) put(work, moved(order, "open", work.at));
    else if (order.state !== "created" && askedAt >= (order.sentAtMs ?? order.createdAtMs)) {
      put(work, { ...order, stale: true });
    }
  }
  for (const hash of listed) {
    const endedAtMs = work.life.past.order(hash)?.endedAtMs;
    if (endedAtMs === undefined) alarm(work, "FOREIGN_ORDER", `open order ${hash} is not in the journal`);
    else if (askedAt >= (endedAtMs ?? 0)) put(work, stillAlive(work, broughtBack(work.life, hash)!));
  }
}

function applyTrade(work: Work, report: TradeReport): void {
  const { life, at } = work;
  const known = life.trades.get(report.id);
  const { legs, mismatches } = legsOf(report, (hash) => orderOf(life, hash)?.terms);
  const past = known === undefined ? life.past.trade(report.id) : undefined;
  if (past !== undefined) return compareTold(work, report, past.state, isSamePast(life, past, legs));
  if (known !== undefined) {
    compareTold(work, report, known.state, sameLegs(known.legs, legs));
    const state = nextTradeState(known.state, report.state);
    if (state === known.state) return;
    const next = { ...known, state, updatedAtMs: at, askAtMs: tradeAsk(work, state), asks: 0 };
    life.trades.set(report.id, next);
    if (stageOf(state) !== stageOf(known.state)) postFills(work, next);
    return;
  }
  if (mayBeForgotten(life, report, legs)) {
    const matchedAtMs = report.matchedAtMs ?? at;
    return life.past.addTrade({ id: report.id, state: report.state, legs, matchedAtMs });
  }
  for (const { hash, token } of mismatches) {
    alarm(work, "TOKEN_MISMATCH", `${report.id} names token ${token} for order ${hash}`);
  }
  if (legs.length === 0 && mismatches.length === 0) {
    alarm(work, "FOREIGN_TRADE", `${report.id} is of no order in the journal`);
  }
  const trade: TrackedTrade = {
    id: report.id,
    state: report.state,
    legs,
    matchedAtMs: report.matchedAtMs ?? at,
    updatedAtMs: at,
    askAtMs: legs.length === 0 ? null : tradeAsk(work, report.state),
    asks: 0,
  };
  life.trades.set(trade.id, trade);
  for (const leg of legs) addLeg(work, leg);
  postFills(work, trade);
}

/** A trade that was told before is told with other amounts, or with the other end. */
function compareTold(work: Work, { id, state }: TradeReport, before: TradeState, isSame: boolean): void {
  if (!isSame) alarm(work, "TRADE_CHANGED", `${id} was told with other amounts`);
  const isEnd = (of: TradeState): boolean => of === "confirmed" || of === "failed";
  if (isEnd(before) && isEnd(state) && before !== state) {
    alarm(work, "TRADE_CONTRADICTED", `${id} was ${before} and is told ${state}`);
  }
}

const tradeAsk = (work: Work, state: TrackedTrade["state"]): Ms | null =>
  stageOf(state) === "provisional" ? (work.at + work.timing.tradeAskMs) as Ms : null;

function addLeg(work: Work, leg: TradeLeg): void {
  const order = broughtBack(work.life, leg.hash)!;
  const told = (order.told + leg.size) as Shares;
  const { size } = order.terms;
  if (size > 0 && told > size && order.told <= size) {
    alarm(work, "OVERFILLED", `${leg.hash} wanted ${size} and has trades of ${told} millionths`);
  }
  const toldCash = (order.toldCash + leg.cash + leg.fee) as Usdc;
  put(work, byAmounts(work, alive(work, { ...order, told, toldCash })));
}

function postFills(work: Work, trade: TrackedTrade): void {
  const stage = stageOf(trade.state);
  for (const leg of trade.legs) {
    const fill: Fill = { ...leg, id: `${trade.id}/${leg.hash}`, tradeId: trade.id, at: trade.matchedAtMs };
    work.actions.push({ type: "fill", fill, stage });
  }
}

function tick(work: Work): void {
  const { life, at, timing } = work;
  for (const order of life.orders.values()) {
    // Every call has a deadline of its own; one that never came back is not waited for.
    const lost = order.state === "sent" && at >= (order.sentAtMs ?? order.createdAtMs) + timing.landingMs;
    put(work, lost ? moved(order, "lose", at) : order);
  }
  for (const trade of life.trades.values()) {
    if (trade.askAtMs === null || at < trade.askAtMs) continue;
    const { hash, conditionId } = trade.legs[0]!;
    work.actions.push({ type: "askTrades", hash, conditionId, tradeIds: [trade.id] });
    life.trades.set(trade.id, { ...trade, askAtMs: nextAsk(work, trade.asks + 2), asks: trade.asks + 1 });
  }
}

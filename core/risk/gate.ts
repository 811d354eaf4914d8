/**
 * The risk gate: every order passes here at the moment of sending, or is refused with one stable code and the numbers
 * behind it. Limits look ahead: held + resting + in flight. Cancels never come here, they always pass.
 */
import type { FeedName, FeedState, SubmitIntent } from "../events.ts";
import type { AssetState } from "../features/asset_state.ts";
import type { WindowState } from "../features/window_state.ts";
import { invariant } from "../errors.ts";
import { isValidPrice, roundingRule } from "../market/rounding.ts";
import { buyCost } from "../orders/order.ts";
import type { Exposure } from "./exposure.ts";
import type { LatencyLimits } from "./latency.ts";
import { sharesFor } from "../policy/sizing.ts";
import type { PolicyNeeds } from "../policy/policy.ts";
import { notional, type Shares, type Usdc } from "../units.ts";

export const GATE_CODES = [
  "STOPPED",
  "DRAWDOWN_LATCH",
  "LOSS_STREAK_LATCH",
  "LATENCY_LATCH",
  "LATENCY_SPIKE",
  "MARKET_NOT_TRADABLE",
  "RULE_UNKNOWN",
  "VERSION_UNKNOWN",
  "FEE_UNKNOWN",
  "STRIKE_UNKNOWN",
  "WINDOW_BLACKOUT",
  "WINDOW_ENDED",
  "BOOK_UNTRUSTED",
  "BOOK_CROSSED",
  "BOOK_EMPTY",
  "FEED_STALE",
  "FEED_DOWN",
  "SIGNAL_TOO_OLD",
  "CLOCK_SKEW",
  "PRICE_OFF_TICK",
  "SIZE_BELOW_MINIMUM",
  "NOTIONAL_BELOW_MINIMUM",
  "TRADE_FRACTION_LIMIT",
  "POSITION_LIMIT",
  "EXPOSURE_LIMIT",
  "BALANCE_INSUFFICIENT",
  "ORDER_IN_FLIGHT",
  "SHARES_UNSETTLED",
] as const;
/** What stays until a person resets it. */
export type Latch = "DRAWDOWN_LATCH" | "LOSS_STREAK_LATCH" | "LATENCY_LATCH";
export type GateCode = typeof GATE_CODES[number];

/** A refusal: the code, what was measured and what the limit was. */
export interface Refusal {
  readonly code: GateCode;
  readonly value: number;
  readonly limit: number;
  readonly detail: string;
}

/** Limits with the seeds' defaults. Money in pUSD millionths, fractions 0..1, times in ms. */
export interface RiskLimits extends LatencyLimits {
  readonly maxPositionPerMarket: Usdc;
  readonly maxTotalExposure: Usdc;
  readonly maxTradeFraction: number;
  readonly maxDrawdownFraction: number;
  readonly maxConsecutiveLosses: number;
  readonly maxSignalAgeMs: number;
  readonly blackoutBeforeEndMs: number;
  readonly minNotional: Usdc;
  readonly maxBookAgeMs: number;
  readonly maxFastAgeMs: number;
  readonly maxOracleAgeMs: number;
  /** Time an order needs until it is matched: latency and hold. It must fit before the window's end. */
  readonly reachMs: number;
  /** False: drawdown and loss streak are only noted (backtests that want the whole tape). */
  readonly stops: boolean;
}

/** Seeds' limits: 500 a market, 2,000 in all, 10 % a trade, 10 % drawdown, 5 losses in a row, 200 ms signals. */
export const DEFAULT_LIMITS: RiskLimits = {
  maxPositionPerMarket: 500_000_000 as Usdc,
  maxTotalExposure: 2_000_000_000 as Usdc,
  maxTradeFraction: 0.10,
  maxDrawdownFraction: 0.10,
  maxConsecutiveLosses: 5,
  maxSignalAgeMs: 200,
  blackoutBeforeEndMs: 10_000,
  minNotional: 1_000_000 as Usdc,
  maxBookAgeMs: 5_000,
  maxFastAgeMs: 5_000,
  maxOracleAgeMs: 10_000,
  reachMs: 150,
  latencySpikeMs: 100,
  latencyWidenTicks: 0,
  latencyPauseMs: 500,
  latencyPauseAfterMs: 5_000,
  stops: true,
};

/** What the gate looks at. */
export interface GateInput extends Exposure {
  readonly now: number;
  readonly limits: RiskLimits;
  readonly needs: PolicyNeeds;
  readonly window: WindowState;
  readonly asset: AssetState;
  readonly feeds: ReadonlyMap<FeedName, FeedState>;
  readonly stopped: boolean;
  readonly latch: Latch | null;
  /** As `latencyAt()` says; -1 when not known. */
  readonly latencyMs: number;
  /** What a single trade is measured against: cash plus positions at their executable value, or the initial bankroll. */
  readonly tradeBase: Usdc;
  /** Shares of the order's token that are settled: the venue lets nothing else be sold. */
  readonly sellable: Shares;
}

/** Venues' clocks run some milliseconds ahead of each other (19 ms on average in recordings, 122 ms at most in 99 %). */
const MAX_AHEAD_MS = 1_000;

const refuse = (code: GateCode, value: number, limit: number, detail: string): Refusal => ({
  code,
  value,
  limit,
  detail,
});

/** null: may be sent. Selling what is held reduces risk: it passes latches, blackout and exposure limits. */
export function checkSubmit(intent: SubmitIntent, input: GateInput): Refusal | null {
  return checkState(intent, input) ?? checkMarket(intent, input) ?? checkFreshness(input) ??
    checkOrder(intent, input) ?? (intent.side === "buy" ? checkExposure(intent, input) : null);
}

function checkState(intent: SubmitIntent, input: GateInput): Refusal | null {
  if (input.stopped) return refuse("STOPPED", 1, 0, "trading was stopped");
  if (intent.side === "buy" && input.latch !== null) {
    if (input.latch === "LATENCY_LATCH") {
      const { latencyPauseMs } = input.limits;
      return refuse(input.latch, input.latencyMs, latencyPauseMs, "ms to the venue and back, for too long");
    }
    return input.latch === "DRAWDOWN_LATCH"
      ? refuse(
        input.latch,
        input.limits.maxDrawdownFraction,
        input.limits.maxDrawdownFraction,
        "drawdown limit was hit",
      )
      : refuse(
        input.latch,
        input.limits.maxConsecutiveLosses,
        input.limits.maxConsecutiveLosses,
        "losses in a row",
      );
  }
  const { latencySpikeMs, latencyWidenTicks } = input.limits;
  if (intent.side === "buy" && latencyWidenTicks === 0 && input.latencyMs > latencySpikeMs) {
    return refuse(
      "LATENCY_SPIKE",
      input.latencyMs,
      latencySpikeMs,
      "ms to the venue and back, or of our own pause",
    );
  }
  if (input.inFlight) return refuse("ORDER_IN_FLIGHT", 1, 0, "an order of this window is not resolved yet");
  return null;
}

function checkMarket(intent: SubmitIntent, input: GateInput): Refusal | null {
  const { instrument, strike } = input.window;
  const { now, limits } = input;
  if (instrument.rule.kind === "unknown") {
    return refuse("RULE_UNKNOWN", 0, 1, "settlement rule not understood");
  }
  if (instrument.version === "unknown") {
    return refuse("VERSION_UNKNOWN", 0, 1, "market version not understood");
  }
  if (instrument.fee === null) return refuse("FEE_UNKNOWN", 0, 1, "fee schedule missing");
  if (!instrument.tradable) return refuse("MARKET_NOT_TRADABLE", 0, 1, instrument.reason ?? "venue flags");
  if (input.needs.strike && strike === null) return refuse("STRIKE_UNKNOWN", 0, 1, "price to beat not known");
  invariant(now >= instrument.startMs, "the engine asks about a window before its start");
  if (now >= instrument.endMs || input.window.winner !== null) {
    return refuse("WINDOW_ENDED", now, instrument.endMs, "after the window's end");
  }
  const reach = Math.max(instrument.takerHoldMs, limits.reachMs);
  if (!intent.postOnly && now + reach >= instrument.endMs) {
    return refuse(
      "WINDOW_ENDED",
      now,
      instrument.endMs - reach,
      "the order would reach its match after the window's end",
    );
  }
  const left = instrument.endMs - now;
  if (intent.side === "buy" && left < limits.blackoutBeforeEndMs) {
    return refuse("WINDOW_BLACKOUT", left, limits.blackoutBeforeEndMs, "ms left in the window");
  }
  const book = input.window.book(intent.outcome);
  if (!book.trusted) {
    return refuse("BOOK_UNTRUSTED", 0, 1, "no snapshot, or the venue's best prices disagree");
  }
  if (book.crossed) return refuse("BOOK_CROSSED", book.bestBid, book.bestAsk, "bid at or above ask");
  const opposite = intent.side === "buy" ? book.bestAsk : book.bestBid;
  if (opposite < 0 && !intent.postOnly) return refuse("BOOK_EMPTY", 0, 1, "nothing to trade against");
  return null;
}

function checkFreshness(input: GateInput): Refusal | null {
  const { now, limits, needs, window, asset, feeds } = input;
  const bookState = feeds.get("polymarket.market");
  // "connecting" too: a socket that opens again has not told anything yet, and a book read over REST meanwhile is a moment.
  if (bookState !== undefined && bookState !== "live") return refuse("FEED_DOWN", 0, 1, "polymarket.market");
  const bookAge = now - window.bookAtMs;
  if (bookAge > limits.maxBookAgeMs) return refuse("FEED_STALE", bookAge, limits.maxBookAgeMs, "book age ms");
  if (needs.fast) {
    const age = now - asset.priceAtMs;
    if (!(age <= limits.maxFastAgeMs)) {
      return refuse("FEED_STALE", age, limits.maxFastAgeMs, "fast price age ms");
    }
  }
  if (needs.oracle && speaksOracle(window, asset)) {
    const age = now - asset.oracleAtMs;
    if (!(age <= limits.maxOracleAgeMs)) {
      return refuse("FEED_STALE", age, limits.maxOracleAgeMs, "oracle age ms");
    }
  }
  const newest = Math.max(window.bookExchangeMs, needs.fast ? asset.priceExchangeMs : -Infinity);
  const signalAge = now - newest;
  if (signalAge > limits.maxSignalAgeMs) {
    return refuse(
      "SIGNAL_TOO_OLD",
      signalAge,
      limits.maxSignalAgeMs,
      "ms since the newest input's exchange time",
    );
  }
  // A stamp from the future means that two clocks disagree; then no age measured between them means anything.
  if (-signalAge > MAX_AHEAD_MS) {
    return refuse("CLOCK_SKEW", -signalAge, MAX_AHEAD_MS, "ms the newest input is ahead of our clock");
  }
  return null;
}

/** The strike is the oracle's, and so is what moves the fast price to it: without fresh prints it is a guess. */
const speaksOracle = (window: WindowState, asset: AssetState): boolean =>
  window.strike?.basis === "chainlink" && asset.basisKnown;

function checkOrder(intent: SubmitIntent, input: GateInput): Refusal | null {
  const { instrument } = input.window;
  if (roundingRule(instrument.tick) === null || !isValidPrice(intent.limit, instrument.tick)) {
    return refuse("PRICE_OFF_TICK", intent.limit, instrument.tick, "limit is not on the tick");
  }
  const size = intent.spend > 0 ? sharesFor(intent.spend, intent.limit) : intent.size;
  if (size < instrument.minSize) {
    return refuse("SIZE_BELOW_MINIMUM", size, instrument.minSize, "share millionths");
  }
  if (intent.side === "sell" && intent.size > input.sellable) {
    return refuse("SHARES_UNSETTLED", intent.size, input.sellable, "share millionths not confirmed yet");
  }
  const cash = intent.spend > 0 ? intent.spend : notional(intent.size, intent.limit);
  if (intent.side === "buy" && cash < input.limits.minNotional) {
    return refuse("NOTIONAL_BELOW_MINIMUM", cash, input.limits.minNotional, "pUSD millionths");
  }
  return null;
}

function checkExposure(intent: SubmitIntent, input: GateInput): Refusal | null {
  const { limits } = input;
  const cost = buyCost(intent, input.window.instrument.fee!);
  const fraction = Math.floor(input.tradeBase * limits.maxTradeFraction);
  if (cost > fraction) return refuse("TRADE_FRACTION_LIMIT", cost, fraction, "pUSD millionths of this order");
  const position = input.windowExposure + cost;
  if (position > limits.maxPositionPerMarket) {
    return refuse(
      "POSITION_LIMIT",
      position,
      limits.maxPositionPerMarket,
      "held + resting + in flight, this market",
    );
  }
  const total = input.totalExposure + cost;
  if (total > limits.maxTotalExposure) {
    return refuse(
      "EXPOSURE_LIMIT",
      total,
      limits.maxTotalExposure,
      "held + resting + in flight, all markets",
    );
  }
  if (cost > input.freeCash) return refuse("BALANCE_INSUFFICIENT", cost, input.freeCash, "pUSD millionths");
  return null;
}

/** From configuration to what the engine and the simulated exchange are made with. */
import { OperationError } from "../../core/errors.ts";
import type { EngineOptions } from "../../core/engine.ts";
import { fixedHold } from "../../core/exchange/hold.ts";
import { impactModel } from "../../core/exchange/impact.ts";
import {
  constantLatency,
  histogramLatency,
  type LatencyModel,
  parseQuantiles,
} from "../../core/exchange/latency.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import { restartAt } from "../../core/exchange/phases.ts";
import { queueModel } from "../../core/exchange/queue.ts";
import { delayedSettlement, instantSettlement } from "../../core/exchange/settlement.ts";
import { FAIR_VALUE_DEFAULTS } from "../../core/policy/fair_value_policy.ts";
import { marketPolicy } from "../../core/policy/market_policy.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { makePolicy } from "../../core/policy/registry.ts";
import { checkSizing, type Sizing } from "../../core/policy/sizing.ts";
import { seededRandom } from "../../core/random.ts";
import type { RiskLimits } from "../../core/risk/gate.ts";
import { type Ms, parseDecimal, type Usdc } from "../../core/units.ts";
import type { LoadedModel } from "../../models/file/open.ts";
import type { Config } from "../config/schema.ts";

const money = (text: string): Usdc => parseDecimal(text, 6) as Usdc;

export function riskLimits(config: Config, stops: boolean): RiskLimits {
  const { paper, risk } = config;
  return {
    maxPositionPerMarket: money(risk.maxPositionPerMarketUsdc),
    maxTotalExposure: money(risk.maxTotalExposureUsdc),
    maxTradeFraction: risk.maxTradeFraction,
    maxDrawdownFraction: risk.maxDrawdownFraction,
    maxConsecutiveLosses: risk.maxConsecutiveLosses,
    maxSignalAgeMs: risk.maxSignalAgeMs,
    blackoutBeforeEndMs: risk.blackoutBeforeEndMs,
    minNotional: money(risk.minNotionalUsdc),
    maxBookAgeMs: risk.maxBookAgeMs,
    maxFastAgeMs: risk.maxFastAgeMs,
    maxOracleAgeMs: risk.maxOracleAgeMs,
    latencySpikeMs: config.latency.spikeMs,
    latencyWidenTicks: config.latency.widenTicks,
    latencyPauseMs: config.latency.pauseMs,
    latencyPauseAfterMs: config.latency.pauseAfterMs,
    reachMs: Math.ceil(slowest(paper.orderLatencyMs, paper.orderLatencyQuantiles)) + paper.takerHoldMs,
    stops,
  };
}

export function sizingOf(config: Config): Sizing {
  const { mode, usdc, fraction, kellyFraction } = config.sizing;
  switch (mode) {
    case "fixed":
      return { mode, amount: money(usdc) };
    case "fraction":
      return { mode, fraction };
    case "kelly":
      return { mode, fraction: kellyFraction };
  }
}

export const describeSizing = (sizing: Sizing): string =>
  sizing.mode === "fixed"
    ? `${(sizing.amount / 1e6).toFixed(2)} pUSD a trade`
    : sizing.mode === "fraction"
    ? `${(sizing.fraction * 100).toFixed(1)} % of the bankroll`
    : `${sizing.fraction} x Kelly`;

/** Parameters of `strategy.params` that any strategy takes, and those of fair-value. */
interface StrategyParams {
  readonly decideEveryMs?: number;
  readonly slippageTicks?: number;
  readonly minEdge?: number;
  readonly exitEdge?: number;
}

const PARAMS: Readonly<
  Record<keyof StrategyParams, { only?: string; min: number; max: number; whole: boolean }>
> = {
  decideEveryMs: { min: 10, max: 60_000, whole: true },
  slippageTicks: { min: 0, max: 100, whole: true },
  minEdge: { only: "fair-value", min: 0, max: 1, whole: false },
  exitEdge: { only: "fair-value", min: 0, max: 1, whole: false },
};

/** Whether a strategy takes the parameter `key` of `strategy.params`. */
export function takesParam(strategy: string, key: string): boolean {
  if (!Object.hasOwn(PARAMS, key)) return false;
  const { only } = PARAMS[key as keyof StrategyParams];
  return only === undefined || only === strategy;
}

function invalid(key: string, value: unknown, why: string): OperationError {
  return new OperationError({
    code: "STRATEGY_PARAM_INVALID",
    message: `Cannot use strategy.params.${key} as given: current value is ${JSON.stringify(value)}, ${why}`,
    hint: `Known parameters: ${Object.keys(PARAMS).join(", ")}.`,
    exit: 2,
  });
}

/** Checks `strategy.params` for a strategy. Throws STRATEGY_PARAM_INVALID (exit 2); foreign parameters of other strategies pass. */
export function strategyParams(params: Config["strategy"]["params"]): StrategyParams {
  const checked: Record<string, number> = {};
  for (const [key, value] of Object.entries(params)) {
    if (!Object.hasOwn(PARAMS, key)) throw invalid(key, value, "no such parameter");
    const rule = PARAMS[key as keyof StrategyParams];
    if (
      typeof value !== "number" || value < rule.min || value > rule.max ||
      (rule.whole && !Number.isInteger(value))
    ) {
      throw invalid(
        key,
        value,
        `must be ${rule.whole ? "an integer" : "a number"} from ${rule.min} to ${rule.max}`,
      );
    }
    checked[key] = value;
  }
  return checked;
}

/** Following the market's price: a yardstick of backtests, not a strategy that `trade` offers. */
export const MARKET = "market";

/** The policy of a strategy's name, seed and parameters. Throws STRATEGY_UNKNOWN, STRATEGY_PARAM_INVALID (exit 2). */
export function policyOf(name: string, seed: number, given: Config["strategy"]["params"]): Policy {
  const params = strategyParams(given);
  if (name === MARKET) return marketPolicy();
  return makePolicy(name, {
    seed,
    fairValue: {
      minEdge: params.minEdge ?? FAIR_VALUE_DEFAULTS.minEdge,
      exitEdge: params.exitEdge ?? FAIR_VALUE_DEFAULTS.exitEdge,
    },
  });
}

export interface EngineSettings {
  readonly strategy: string;
  readonly seed: number;
  readonly stops: boolean;
  /** Decides in place of the strategy. */
  readonly model?: LoadedModel | null;
}

/** Engine options for one strategy. Throws STRATEGY_UNKNOWN, STRATEGY_PARAM_INVALID, SIZING_INVALID (exit 2). */
export function engineOptions(config: Config, settings: EngineSettings): EngineOptions {
  const params = strategyParams(config.strategy.params);
  const policy = settings.model?.policy() ??
    policyOf(settings.strategy, settings.seed, config.strategy.params);
  const sizing = sizingOf(config);
  checkSizing(sizing, policy);
  return {
    policy,
    sizing,
    limits: riskLimits(config, settings.stops),
    bankroll: money(config.paper.bankrollUsdc),
    orderMaxAgeMs: config.risk.orderMaxAgeMs,
    ...(params.decideEveryMs === undefined ? {} : { decideEveryMs: params.decideEveryMs }),
    ...(params.slippageTicks === undefined ? {} : { slippageTicks: params.slippageTicks }),
  };
}

/** The slowest message of a latency setting, ms. */
const slowest = (ms: number, quantiles: readonly string[]): number =>
  quantiles.length === 0 ? ms : parseQuantiles(quantiles).at(-1)!.ms;

/** Draws of the units come from streams of their own: a changed setting of one leaves the others' numbers alone. */
const STREAMS = { feed: 1, order: 2, response: 3, settlement: 4 } as const;

/**
 * The exchange model's units from the configuration. Made anew for every run: units that draw keep their place in their
 * stream.
 */
export function paperOptions(config: Config): ExchangeOptions {
  const { paper } = config;
  const random = (stream: keyof typeof STREAMS) =>
    seededRandom((paper.seed + STREAMS[stream] * 2 ** 40) % 2 ** 53);
  const latency = (
    stream: "feed" | "order" | "response",
    ms: number,
    texts: readonly string[],
  ): LatencyModel =>
    texts.length === 0 ? constantLatency(ms) : histogramLatency(parseQuantiles(texts), random(stream));
  const instant = paper.settlementMs === 0 && paper.settlementFailureRate === 0;
  return {
    bankroll: money(paper.bankrollUsdc),
    feedLatency: latency("feed", paper.feedLatencyMs, paper.feedLatencyQuantiles),
    orderLatency: latency("order", paper.orderLatencyMs, paper.orderLatencyQuantiles),
    responseLatency: latency("response", paper.responseLatencyMs, paper.responseLatencyQuantiles),
    hold: fixedHold(paper.takerHoldMs),
    queue: queueModel(paper.queue),
    impact: impactModel(paper.impact),
    settlement: instant ? instantSettlement() : delayedSettlement({
      time: constantLatency(paper.settlementMs),
      failureRate: paper.settlementFailureRate,
      random: random("settlement"),
    }),
    phases: paper.restarts.flatMap((text) => restartAt(Date.parse(text) as Ms)),
    end: paper.endOfWindow,
  };
}

/** Whether a strategy cannot do without the fast feed. */
export const policyNeedsFast = (strategy: string, seed: number): boolean =>
  policyOf(strategy, seed, {}).needs.fast;

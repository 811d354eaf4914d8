/** The fair value of one window from what is known of its asset: which price, which basis, which part is already fixed. */
import { fairUp } from "../market/fair_value.ts";
import type { SecondRing } from "./second_ring.ts";
import type { AssetState } from "./asset_state.ts";
import type { Strike, WindowState } from "./window_state.ts";

/** Seconds the settling average covers: 0 for a spot rule. */
export function averagingSeconds(window: WindowState): number {
  const rule = window.instrument.rule;
  return rule.kind === "twap" ? rule.averagingSeconds : 0;
}

/** What must be added to the fast price to speak in the strike's terms; NaN when that is not known. */
export function basisFor(asset: AssetState, strike: Strike): number {
  if (strike.basis === asset.source) return 0;
  if (strike.basis === "chainlink" && asset.basisKnown) return asset.basis;
  return asset.strikeBasis.get(strike.basis) ?? NaN;
}

/** Mean over the seconds `from` < s <= `to` that the ring knows. */
function meanOf(ring: SecondRing, from: number, to: number): { mean: number; seconds: number } {
  let sum = 0;
  let seconds = 0;
  for (let s = from + 1; s <= to; s++) {
    const value = ring.at(s);
    if (Number.isNaN(value)) continue;
    sum += value;
    seconds++;
  }
  return { mean: seconds === 0 ? NaN : sum / seconds, seconds };
}

/**
 * Learns the distance between the fast price and the strike's source from a strike: the strike is that source's price at
 * the window's start (its average over the rule's window before it). Used only where no oracle prints are seen.
 */
export function learnStrikeBasis(asset: AssetState, window: WindowState): void {
  const strike = window.strike;
  if (strike === null || strike.basis === asset.source) return;
  const start = Math.floor(window.instrument.startMs / 1000);
  const length = averagingSeconds(window);
  const fast = length > 0 ? meanOf(asset.prices, start - length, start).mean : asset.prices.at(start);
  if (Number.isNaN(fast)) return;
  const difference = strike.value - fast;
  const known = asset.strikeBasis.get(strike.basis);
  asset.strikeBasis.set(strike.basis, known === undefined ? difference : known + 0.3 * (difference - known));
}

/** Probability of Up for a window at `now`; NaN when strike, price, basis or volatility is not known. */
export function fairForWindow(asset: AssetState, window: WindowState, now: number): number {
  const strike = window.strike;
  if (strike === null) return NaN;
  const volPerSqrtSecond = asset.volPerSqrtSecond();
  const basis = basisFor(asset, strike);
  const useOracle = Number.isNaN(asset.price + basis) && strike.basis === "chainlink";
  const spot = useOracle ? asset.oraclePrice : asset.price + basis;
  const ageS = (now - (useOracle ? asset.oracleAtMs : asset.priceAtMs)) / 1000;
  if (Number.isNaN(spot) || Number.isNaN(volPerSqrtSecond)) return NaN;
  const length = averagingSeconds(window);
  const end = window.instrument.endMs;
  let fixedMean = NaN;
  let fixedSeconds = 0;
  if (length > 0 && end - now < length * 1000) {
    const endSecond = Math.floor(end / 1000);
    const onOracle = strike.basis === "chainlink" && asset.oracle.lastSecond > endSecond - length;
    const ring = onOracle ? asset.oracle : asset.prices;
    const fixed = meanOf(ring, endSecond - length, Math.min(endSecond, ring.lastSecond));
    fixedMean = onOracle ? fixed.mean : fixed.mean + basis;
    fixedSeconds = fixed.seconds;
  }
  return fairUp({
    spot,
    ageS,
    strike: strike.value,
    secondsLeft: (end - now) / 1000,
    volPerSqrtSecond,
    averagingSeconds: length,
    fixedMean,
    fixedSeconds,
  });
}

/** What trading on a tape means: the same for `trade --tape` and for `replay`, so that both decide the same. */
import type { EngineOptions } from "../../core/engine.ts";
import { ASSETS, DURATIONS } from "../../core/market/instrument.ts";
import type { Manifest } from "../../feeds/tape/format.ts";
import type { CommandContext } from "../command.ts";
import { Admission, windowsOf } from "./admission.ts";
import { CANDLE_MAX_AGE_MS, candleWarning, hasOnlyCandles } from "./backtest.ts";

/** After the last event answers under way have this long, tape ms. */
export const TAPE_DRAIN_MS = 10_000;

/** On a tape with candles only, the fast price may be as old as its candles, as in a backtest. */
export function forTape(
  ctx: CommandContext,
  manifest: Manifest,
  path: string,
  settings: EngineOptions,
): EngineOptions {
  if (!hasOnlyCandles(manifest)) return settings;
  ctx.warn({ code: "FAST_PRICE_PER_MINUTE", message: candleWarning(path) });
  const maxFastAgeMs = Math.max(settings.limits.maxFastAgeMs, CANDLE_MAX_AGE_MS);
  return { ...settings, limits: { ...settings.limits, maxFastAgeMs } };
}

/** All windows of the tape, unless --asset or --duration (the command's own options) narrows them. */
export const tapeWindows = (ctx: CommandContext, given: Record<string, unknown>): Admission =>
  new Admission(windowsOf(
    given["asset"] === undefined ? ASSETS : ctx.config.assets,
    given["duration"] === undefined ? DURATIONS : ctx.config.durations,
  ));

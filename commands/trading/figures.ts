/** What a sample of windows amounts to. The bootstrap draws settlements: windows that end together share their chance. */
import { type BootstrapInterval, bootstrapWindows } from "../../core/stats/bootstrap.ts";
import { type Performance, summarise } from "../../core/stats/performance.ts";
import { estimateSharpe, type SharpeEstimate } from "../../core/stats/sharpe_inference.ts";
import { seededRandom } from "../../core/random.ts";
import type { Usdc } from "../../core/units.ts";
import type { Sample } from "./splits.ts";

export interface Figures {
  /** `sharpePerWindow` is per settlement: windows that ended together are one observation. */
  readonly performance: Performance;
  readonly fees: Usdc;
  readonly fills: number;
  readonly interval: BootstrapInterval | null;
  readonly sharpe: SharpeEstimate | null;
}

/** Results of windows that ended together, in order of their end. */
export function settlements(windows: readonly { readonly endMs: number; readonly pnl: number }[]): number[] {
  const sums = new Map<number, number>();
  for (const { endMs, pnl } of windows) sums.set(endMs, (sums.get(endMs) ?? 0) + pnl);
  return [...sums].sort((a, b) => a[0] - b[0]).map(([, pnl]) => pnl);
}

export function figuresOf({ windows, trades }: Sample, seed: number): Figures {
  const together = settlements(windows);
  const sharpe = estimateSharpe(together);
  const performance = summarise(windows.map((window) => window.pnl), trades.map((trade) => trade.pnl));
  return {
    performance: { ...performance, sharpePerWindow: sharpe?.sharpe ?? null },
    fees: windows.reduce((sum, window) => sum + window.fees, 0) as Usdc,
    fills: windows.reduce((sum, window) => sum + window.fills, 0),
    interval: bootstrapWindows(together, seededRandom(seed)),
    sharpe,
  };
}

/** Interval of how much more one sample earned than another on the same windows; null below two settlements. */
export function differenceOf(a: Sample, b: Sample, seed: number): BootstrapInterval | null {
  const pairs = a.windows.map((window, i) => ({
    endMs: window.endMs,
    pnl: window.pnl - (b.windows[i]?.pnl ?? 0),
  }));
  return bootstrapWindows(settlements(pairs), seededRandom(seed));
}

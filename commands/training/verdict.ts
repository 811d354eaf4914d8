/** What a model earned on the windows that were kept back. */
import { seededRandom } from "../../core/random.ts";
import { bootstrapWindows } from "../../core/stats/bootstrap.ts";
import type { JudgedWindow } from "./judge.ts";

/** Money as pUSD numbers: a summary, not an account. */
export interface Verdict {
  readonly windows: number;
  /** Windows with a fill. */
  readonly traded: number;
  readonly pnlPerWindow: number;
  /** 95 % bootstrap over windows of the profit per window; null below two windows. */
  readonly ci95: readonly [number, number] | null;
  readonly feesPerWindow: number;
  readonly fillsPerWindow: number;
  /** Share of the summed gains that the 20 best windows made; null without gains. */
  readonly best20Share: number | null;
  readonly basis: string;
}

const MICRO = 1e6;

export function verdictOf(windows: readonly JudgedWindow[], seed: number, basis: string): Verdict {
  const count = Math.max(1, windows.length);
  const sum = (of: (window: JudgedWindow) => number) =>
    windows.reduce((total, window) => total + of(window), 0);
  const interval = bootstrapWindows(windows.map(({ pnl }) => pnl), seededRandom(seed));
  const gains = windows.map(({ pnl }) => pnl).filter((pnl) => pnl > 0).sort((a, b) => b - a);
  const gained = gains.reduce((total, pnl) => total + pnl, 0);
  return {
    windows: windows.length,
    traded: windows.filter(({ fills }) => fills > 0).length,
    pnlPerWindow: sum(({ pnl }) => pnl) / count / MICRO,
    ci95: interval === null ? null : [interval.meanCi95[0] / MICRO, interval.meanCi95[1] / MICRO],
    feesPerWindow: sum(({ fees }) => fees) / count / MICRO,
    fillsPerWindow: sum(({ fills }) => fills) / count,
    best20Share: gained > 0 ? gains.slice(0, 20).reduce((total, pnl) => total + pnl, 0) / gained : null,
    basis,
  };
}

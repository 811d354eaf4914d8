/**
 * Outcomes dealt anew: every window keeps what was bought and sold in it, but is settled by another window's outcome.
 * What a strategy still earns then did not come from being right about the outcome.
 */
import { invariant } from "../errors.ts";
import { nextInt, type Random } from "../random.ts";
import { quantile } from "./bootstrap.ts";

/** A window with what was held at its end. Money in pUSD millionths, shares in millionths. */
export interface HeldWindow {
  /** Windows exchange outcomes inside their group only (one asset and length on one tape). */
  readonly group: string;
  readonly pnl: number;
  readonly upShares: number;
  readonly downShares: number;
  readonly up: boolean;
}

export interface ShuffleResult {
  readonly shuffles: number;
  /** Windows in which something was held at the end, the only ones that a shuffle can change. */
  readonly held: number;
  /** Mean total over the shuffles, and the range of the middle 95 %. */
  readonly mean: number;
  readonly range95: readonly [number, number];
  /** Share of the shuffles (the true deal counted among them) that earn at least as much as the truth. */
  readonly p: number;
}

/** What a deal of outcomes pays; a share of the winner is worth one pUSD. */
const payout = (window: HeldWindow, up: boolean): number => up ? window.upShares : window.downShares;

/** Deals the outcomes `shuffles` times (Fisher-Yates inside each group). null when nothing was ever held to the end. */
export function shuffleOutcomes(
  windows: readonly HeldWindow[],
  random: Random,
  shuffles = 1000,
): ShuffleResult | null {
  invariant(Number.isInteger(shuffles) && shuffles > 0, `shuffles must be positive, got ${shuffles}`);
  const held = windows.filter((window) => window.upShares > 0 || window.downShares > 0).length;
  if (held === 0) return null;
  const groups = new Map<string, HeldWindow[]>();
  let fixed = 0;
  let truth = 0;
  for (const window of windows) {
    const group = groups.get(window.group);
    if (group === undefined) groups.set(window.group, [window]);
    else group.push(window);
    fixed += window.pnl - payout(window, window.up);
    truth += window.pnl;
  }
  const totals = new Float64Array(shuffles);
  let asGood = 0;
  for (let s = 0; s < shuffles; s++) {
    let total = fixed;
    for (const group of groups.values()) {
      const deal = group.map((window) => window.up);
      for (let i = deal.length - 1; i > 0; i--) {
        const j = nextInt(random, i + 1);
        [deal[i], deal[j]] = [deal[j]!, deal[i]!];
      }
      for (let i = 0; i < group.length; i++) total += payout(group[i]!, deal[i]!);
    }
    totals[s] = total;
    if (total >= truth) asGood++;
  }
  const mean = totals.reduce((sum, value) => sum + value / shuffles, 0);
  totals.sort();
  return {
    shuffles,
    held,
    mean,
    range95: [quantile(totals, 0.025), quantile(totals, 0.975)],
    p: (asGood + 1) / (shuffles + 1),
  };
}

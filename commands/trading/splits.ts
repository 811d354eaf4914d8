/**
 * Which windows choose and which judge. Parameters are chosen on windows that end before those begin on which they are
 * judged (walk-forward), or on other assets as well; the figure that counts is the one of the judging windows.
 */
import { sharpe } from "../../core/stats/performance.ts";
import type { StrategyTotals, TapeTrade, TapeWindow } from "./totals.ts";
import type { Variant } from "./backtest_job.ts";

export type Split =
  /** Nothing is chosen: every variant is judged on everything. */
  | { readonly kind: "all" }
  /** Blocks of time; from the second one on each is judged with what all before it chose. */
  | { readonly kind: "walkForward"; readonly blocks: number }
  /** The last `share` of the windows is judged, in all and each asset by itself. */
  | { readonly kind: "heldOut"; readonly share: number };

/** One choice and its judgement, as numbers of windows. */
export interface Fold {
  readonly kind: "all" | "time" | "asset";
  readonly name: string;
  /** Where it is judged: from here. */
  readonly fromMs: number | null;
  readonly train: readonly number[];
  readonly test: readonly number[];
}

export interface Pick {
  readonly fold: Fold;
  readonly chosen: StrategyTotals;
  /** Result and Sharpe ratio on the windows of the choice: in sample, for comparison only. */
  readonly inSample: { readonly pnl: number; readonly sharpe: number | null } | null;
}

/** A strategy as it is judged. */
export interface Candidate {
  readonly name: string;
  /** How many variants the choice was among. */
  readonly among: number;
  readonly variants: readonly StrategyTotals[];
  readonly picks: readonly Pick[];
}

const byEnd = (windows: readonly TapeWindow[]): number[] =>
  windows.map((_, i) => i).sort((a, b) => windows[a]!.endMs - windows[b]!.endMs || a - b);

/** Windows that end before `fromMs`: one that is still running then shares its prices with those that are judged. */
const before = (windows: readonly TapeWindow[], order: readonly number[], fromMs: number): number[] =>
  order.filter((i) => windows[i]!.endMs <= fromMs);

function timeFold(windows: readonly TapeWindow[], order: readonly number[], test: number[]): Fold | null {
  if (test.length === 0) return null;
  const fromMs = Math.min(...test.map((i) => windows[i]!.startMs));
  const train = before(windows, order, fromMs);
  if (train.length === 0) return null;
  const name = `from ${new Date(fromMs).toISOString().slice(0, 16).replace("T", " ")}`;
  return { kind: "time", name, fromMs, train, test };
}

/** Each asset of the judged windows by itself, chosen on the other assets' earlier windows. */
function assetFolds(windows: readonly TapeWindow[], { train, test, fromMs }: Fold): Fold[] {
  const assets = [...new Set(windows.map((window) => window.asset))].sort();
  if (assets.length < 2) return [];
  return assets.map((asset) => ({
    kind: "asset",
    name: asset,
    fromMs,
    train: train.filter((i) => windows[i]!.asset !== asset),
    test: test.filter((i) => windows[i]!.asset === asset),
  }));
}

/** Folds of a split; windows that could be chosen on only are in none. Empty when there is too little to split. */
export function foldsOf(windows: readonly TapeWindow[], split: Split): Fold[] {
  if (split.kind === "all") {
    return [{ kind: "all", name: "all windows", fromMs: null, train: [], test: windows.map((_, i) => i) }];
  }
  const order = byEnd(windows);
  if (split.kind === "heldOut") {
    const fold = timeFold(windows, order, order.slice(Math.floor(order.length * (1 - split.share))));
    return fold === null ? [] : [fold, ...assetFolds(windows, fold)];
  }
  const border = (block: number) => Math.floor(block * order.length / split.blocks);
  return Array.from({ length: split.blocks - 1 }, (_, i) => order.slice(border(i + 1), border(i + 2)))
    .flatMap((test) => timeFold(windows, order, test) ?? []);
}

function inSampleOf(totals: StrategyTotals, train: readonly number[]): Pick["inSample"] {
  if (train.length === 0) return null;
  const pnl = train.map((i) => totals.windows[i]!.pnl);
  return { pnl: pnl.reduce((sum, value) => sum + value, 0), sharpe: sharpe(pnl) };
}

/** The variant with the highest Sharpe ratio on the windows of the choice; the first of equals. */
function choose(variants: readonly StrategyTotals[], fold: Fold): Pick {
  const scored = variants.map((totals) => ({ totals, inSample: inSampleOf(totals, fold.train) }));
  let best = scored[0]!;
  for (const one of scored) {
    if ((one.inSample?.sharpe ?? 0) > (best.inSample?.sharpe ?? 0)) best = one;
  }
  return { fold, chosen: best.totals, inSample: best.inSample };
}

/** What is judged: without a choice every variant, else each strategy with what was chosen for each fold. */
export function candidatesOf(strategies: readonly StrategyTotals[], split: Split): Candidate[] {
  const folds = foldsOf(strategies[0]?.windows ?? [], split);
  const families = new Map<string, StrategyTotals[]>();
  for (const totals of strategies) {
    const key = split.kind === "all" ? totals.name : totals.variant.strategy;
    const family = families.get(key);
    if (family === undefined) families.set(key, [totals]);
    else family.push(totals);
  }
  return [...families].map(([name, variants]) => ({
    name,
    among: variants.length,
    variants,
    picks: folds.map((fold) => choose(variants, fold)),
  }));
}

/** Every variant that some fold chose, once; without those that never traded, which earn nothing to be doubted. */
export const chosenVariants = (candidates: readonly Candidate[]): Variant[] => [
  ...new Set(
    candidates.flatMap(({ picks }) =>
      picks.flatMap(({ chosen }) => chosen.fills > 0 ? [chosen.variant] : [])
    ),
  ),
];

/** Windows and trades that a figure is made of. */
export interface Sample {
  readonly windows: readonly TapeWindow[];
  readonly trades: readonly TapeTrade[];
}

const keyOf = (tape: number, slug: string): string => `${tape}/${slug}`;

/** The judged windows of some folds, each taken from the totals that `from` names for its choice. */
export function sampleOf(picks: readonly Pick[], from: (chosen: StrategyTotals) => StrategyTotals): Sample {
  const windows: TapeWindow[] = [];
  const trades: TapeTrade[] = [];
  for (const { fold, chosen } of picks) {
    const totals = from(chosen);
    const own = fold.test.map((i) => totals.windows[i]!);
    for (const window of own) windows.push(window);
    if (fold.kind === "all") {
      for (const trade of totals.trades) trades.push(trade);
      continue;
    }
    const keys = new Set(own.map((window) => keyOf(window.tape, window.slug)));
    for (const trade of totals.trades) {
      if (trade.slug !== null && keys.has(keyOf(trade.tape, trade.slug))) trades.push(trade);
    }
  }
  return { windows, trades };
}

/** The folds that make the headline: all of them but those of single assets, which judge the same windows again. */
export const headlinePicks = ({ picks }: Candidate): Pick[] =>
  picks.filter(({ fold }) => fold.kind !== "asset");

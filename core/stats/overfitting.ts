/**
 * Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey, Borwein, Lopez de Prado and
 * Zhu, "The Probability of Backtest Overfitting", 2015): the observations are cut into blocks of time, every half of the
 * blocks is once the past, and the question is how often the best of the past is below the median of the rest.
 */
import { sharpe } from "./performance.ts";

export interface Overfitting {
  readonly blocks: number;
  readonly combinations: number;
  readonly variants: number;
  /** Share of the combinations in which the past's best is below the median outside. */
  readonly probability: number;
  /** Share of the combinations in which the past's best loses money outside. */
  readonly lossProbability: number;
}

const BLOCKS = 10;

/** All ways to choose half of `count` blocks, as lists of block numbers. */
function halves(count: number): number[][] {
  const found: number[][] = [];
  const choose = (from: number, picked: number[]) => {
    if (picked.length === count / 2) return void found.push(picked);
    for (let i = from; i < count; i++) choose(i + 1, [...picked, i]);
  };
  choose(0, []);
  return found;
}

/**
 * `results[v][t]`: what variant `v` made of observation `t` (windows in order of time). null with fewer than two variants
 * or fewer than two observations a block, where the question has no meaning.
 */
export function overfitting(results: readonly (readonly number[])[]): Overfitting | null {
  const length = results[0]?.length ?? 0;
  if (results.length < 2 || length < 2 * BLOCKS) return null;
  const border = (block: number) => Math.floor(block * length / BLOCKS);
  const pick = (values: readonly number[], blocks: readonly number[]): number[] =>
    blocks.flatMap((block) => values.slice(border(block), border(block + 1)));
  const scoreOf = (values: readonly number[]) => sharpe(values) ?? 0;
  let below = 0;
  let losing = 0;
  const combinations = halves(BLOCKS);
  for (const inside of combinations) {
    const outside = Array.from({ length: BLOCKS }, (_, i) => i).filter((i) => !inside.includes(i));
    const past = results.map((values) => scoreOf(pick(values, inside)));
    const future = results.map((values) => scoreOf(pick(values, outside)));
    const best = past.indexOf(Math.max(...past));
    const own = future[best]!;
    // Rank among all, ties in the middle: variants that did the same are neither better nor worse.
    const worse = future.filter((value) => value < own).length;
    const equal = future.filter((value) => value === own).length;
    if ((worse + equal / 2) / future.length < 0.5) below++;
    if (pick(results[best]!, outside).reduce((sum, value) => sum + value, 0) < 0) losing++;
  }
  return {
    blocks: BLOCKS,
    combinations: combinations.length,
    variants: results.length,
    probability: below / combinations.length,
    lossProbability: losing / combinations.length,
  };
}

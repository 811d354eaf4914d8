/**
 * Is a forecast any good? Brier score (Brier 1950): mean squared distance between the forecast of Up (0..1) and what
 * happened (1 Up, 0 Down), taken at fixed fractions of a window, because a forecast one second before the end is always
 * right. 0.25 is what "one half, always" scores. Recorded mids of these markets score about 0.21 / 0.17 / 0.09 at
 * 20 / 50 / 80 % of the window: that is the figure to beat.
 */
import { invariant } from "../errors.ts";

/** Fractions of the window elapsed at which forecasts are judged. */
export const BRIER_FRACTIONS = [0.2, 0.5, 0.8] as const;
/** Equal-width forecast bins of the reliability table: [0, 0.1), ..., [0.9, 1]. */
export const RELIABILITY_BINS = 10;
/** Score of the constant forecast 0.5, whatever happens. */
export const COIN_BRIER = 0.25;

/** Sums of one forecaster at one fraction. Mutable; made by `createBrier`. */
interface BrierCell {
  n: number;
  sum: number;
  sumOfSquares: number;
  readonly binCount: Float64Array;
  readonly binForecast: Float64Array;
  readonly binUp: Float64Array;
}

/** One forecaster's scores over all windows so far: a cell per fraction. */
export interface BrierScore {
  readonly cells: readonly BrierCell[];
}

export interface BrierRow {
  readonly fraction: number;
  readonly n: number;
  /** null when nothing was scored. */
  readonly brier: number | null;
  /** Sample standard deviation of the squared errors / sqrt(n); null below two windows. */
  readonly standardError: number | null;
}

export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly n: number;
  /** Mean forecast inside the bin; null when empty. */
  readonly meanForecast: number | null;
  /** Share of these windows that ended Up; null when empty. */
  readonly observed: number | null;
}

/** An empty score with a cell for each of BRIER_FRACTIONS. */
export function createBrier(): BrierScore {
  return {
    cells: BRIER_FRACTIONS.map(() => ({
      n: 0,
      sum: 0,
      sumOfSquares: 0,
      binCount: new Float64Array(RELIABILITY_BINS),
      binForecast: new Float64Array(RELIABILITY_BINS),
      binUp: new Float64Array(RELIABILITY_BINS),
    })),
  };
}

function cellAt(score: BrierScore, fractionIndex: number): BrierCell {
  const cell = score.cells[fractionIndex];
  invariant(cell !== undefined, `no fraction number ${fractionIndex}`);
  return cell;
}

/** Adds one window's forecast (0..1) at fraction number `fractionIndex` of BRIER_FRACTIONS. */
export function addForecast(score: BrierScore, fractionIndex: number, forecast: number, up: boolean): void {
  invariant(forecast >= 0 && forecast <= 1, `a forecast is a probability, got ${forecast}`);
  const cell = cellAt(score, fractionIndex);
  const squared = (forecast - (up ? 1 : 0)) ** 2;
  cell.n++;
  cell.sum += squared;
  cell.sumOfSquares += squared * squared;
  const bin = Math.min(RELIABILITY_BINS - 1, Math.floor(forecast * RELIABILITY_BINS));
  cell.binCount[bin] = (cell.binCount[bin] as number) + 1;
  cell.binForecast[bin] = (cell.binForecast[bin] as number) + forecast;
  if (up) cell.binUp[bin] = (cell.binUp[bin] as number) + 1;
}

function meanAndError(n: number, sum: number, sumOfSquares: number): [number | null, number | null] {
  if (n === 0) return [null, null];
  const mean = sum / n;
  if (n === 1) return [mean, null];
  // Squares of numbers in [0, 1] or [-1, 1]: the difference of sums loses nothing that matters here.
  const variance = Math.max(0, (sumOfSquares - n * mean * mean) / (n - 1));
  return [mean, Math.sqrt(variance / n)];
}

/** Score and standard error per fraction. */
export function brierRows(score: BrierScore): BrierRow[] {
  return BRIER_FRACTIONS.map((fraction, index) => {
    const cell = cellAt(score, index);
    const [brier, standardError] = meanAndError(cell.n, cell.sum, cell.sumOfSquares);
    return { fraction, n: cell.n, brier, standardError };
  });
}

/** The ten reliability bins of one fraction. */
export function reliability(score: BrierScore, fractionIndex: number): ReliabilityBin[] {
  const cell = cellAt(score, fractionIndex);
  return Array.from({ length: RELIABILITY_BINS }, (_, bin) => {
    const n = cell.binCount[bin] as number;
    return {
      from: bin / RELIABILITY_BINS,
      to: (bin + 1) / RELIABILITY_BINS,
      n,
      meanForecast: n === 0 ? null : (cell.binForecast[bin] as number) / n,
      observed: n === 0 ? null : (cell.binUp[bin] as number) / n,
    };
  });
}

/**
 * Two forecasters on the same windows: the mean of (squared error of `b` - squared error of `a`), negative where `b` is
 * the better one. Paired, so that the luck of the windows, which both share, drops out of the standard error.
 */
export interface BrierDifference {
  readonly cells: readonly { n: number; sum: number; sumOfSquares: number }[];
}

/** An empty comparison. */
export const createDifference = (): BrierDifference => ({
  cells: BRIER_FRACTIONS.map(() => ({ n: 0, sum: 0, sumOfSquares: 0 })),
});

/** Adds one window's pair of forecasts at fraction number `fractionIndex`. */
export function addPair(
  difference: BrierDifference,
  fractionIndex: number,
  pair: { readonly a: number; readonly b: number; readonly up: boolean },
): void {
  const cell = difference.cells[fractionIndex];
  invariant(cell !== undefined, `no fraction number ${fractionIndex}`);
  const outcome = pair.up ? 1 : 0;
  const value = (pair.b - outcome) ** 2 - (pair.a - outcome) ** 2;
  cell.n++;
  cell.sum += value;
  cell.sumOfSquares += value * value;
}

export interface DifferenceRow {
  readonly fraction: number;
  readonly n: number;
  readonly mean: number | null;
  readonly standardError: number | null;
}

/** Mean difference and its standard error per fraction. */
export function differenceRows(difference: BrierDifference): DifferenceRow[] {
  return difference.cells.map((cell, index) => {
    const [mean, standardError] = meanAndError(cell.n, cell.sum, cell.sumOfSquares);
    return { fraction: BRIER_FRACTIONS[index] as number, n: cell.n, mean, standardError };
  });
}

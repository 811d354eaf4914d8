/** Strategies and the parameter values to try with them, as the columns of one backtest. */
import { OperationError } from "../../core/errors.ts";
import type { Variant } from "./backtest_job.ts";
import { takesParam } from "./settings.ts";

/** More columns than this nobody reads, and each costs an engine's memory. */
const MAX_VARIANTS = 256;

interface Axis {
  readonly key: string;
  readonly values: readonly number[];
}

function invalid(text: string, why: string): OperationError {
  return new OperationError({
    code: "USAGE",
    message: `Cannot use ${text} as --sweep: ${why}`,
    hint: "For example: --sweep minEdge=0.01:0.05:0.01,decideEveryMs=100,500",
    exit: 2,
  });
}

/** `0.01:0.05:0.01` counts up, its end included; a bare number is itself. NaN for what is neither. */
function valuesOf(text: string): number[] {
  const numbers = text.split(":").map((piece) => piece.trim() === "" ? NaN : Number(piece));
  const [from = NaN, to, step] = numbers;
  if (numbers.length === 1) return [from];
  if (numbers.length !== 3 || numbers.some((value) => !Number.isFinite(value))) return [NaN];
  const steps = Math.floor((to! - from) / step! + 1e-9);
  if (!(step! > 0) || steps < 0 || steps > MAX_VARIANTS) return [NaN];
  // Twelve digits take away what 0.1 + 0.2 adds.
  return Array.from({ length: steps + 1 }, (_, i) => Number((from + i * step!).toPrecision(12)));
}

/**
 * `key=values;key=values` or with commas throughout, each key once; values are numbers and `from:to:step` separated by
 * commas. Throws USAGE.
 */
function parseSweep(text: string): Axis[] {
  const pieces = text.split(/[;,]/).filter((piece) => piece.trim() !== "");
  const axes: { key: string; values: number[] }[] = [];
  for (const piece of pieces) {
    const [first = "", second, ...rest] = piece.split("=").map((part) => part.trim());
    if (second !== undefined) axes.push({ key: first, values: [] });
    const axis = axes.at(-1);
    const values = valuesOf(second ?? first);
    if (axis === undefined || axis.key === "" || rest.length > 0 || values.some((v) => !Number.isFinite(v))) {
      throw invalid(piece, "it must be a parameter, =, and numbers or from:to:step separated by commas");
    }
    axis.values.push(...values);
  }
  if (axes.length === 0) throw invalid(text, "it names no parameter");
  if (new Set(axes.map((axis) => axis.key)).size < axes.length) {
    throw invalid(text, "a parameter stands twice");
  }
  return axes.map(({ key, values }) => ({ key, values: [...new Set(values)] }));
}

/**
 * Every strategy with every combination of the values it takes; one that takes none of them runs once, as it is. Names
 * tell the values: `fair-value minEdge=0.02`. Throws USAGE for a sweep that says nothing or too much; values out of range
 * are told when the strategies are made.
 */
export function variantsOf(strategies: readonly string[], sweep: string | null): Variant[] {
  const axes = sweep === null ? [] : parseSweep(sweep);
  const idle = axes.find((axis) => !strategies.some((strategy) => takesParam(strategy, axis.key)));
  if (idle !== undefined) throw invalid(sweep!, `no strategy of this run takes ${idle.key}`);
  const variants = strategies.flatMap((strategy) => {
    let own: Variant[] = [{ name: strategy, strategy, params: {} }];
    for (const { key, values } of axes.filter((axis) => takesParam(strategy, axis.key))) {
      own = own.flatMap((variant) =>
        values.map((value) => ({
          name: `${variant.name} ${key}=${value}`,
          strategy,
          params: { ...variant.params, [key]: value },
        }))
      );
      if (own.length > MAX_VARIANTS) break;
    }
    return own;
  });
  if (variants.length > MAX_VARIANTS) {
    throw invalid(sweep!, `it makes more than ${MAX_VARIANTS} combinations`);
  }
  return variants;
}

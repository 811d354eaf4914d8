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
    hint: "For example: --sweep minEdge=0.01,0.02;decideEveryMs=100,500",
    exit: 2,
  });
}

/** `key=value,value;key=value`, each key once. Throws USAGE. */
function parseSweep(text: string): Axis[] {
  const axes = text.split(";").filter((part) => part.trim() !== "").map((part) => {
    const [key = "", list = "", ...rest] = part.split("=").map((piece) => piece.trim());
    const values = list.split(",").map((value) => value.trim() === "" ? NaN : Number(value));
    if (key === "" || rest.length > 0 || values.some((value) => !Number.isFinite(value))) {
      throw invalid(part, "it must be a parameter, =, and numbers separated by commas");
    }
    return { key, values: [...new Set(values)] };
  });
  if (axes.length === 0) throw invalid(text, "it names no parameter");
  if (new Set(axes.map((axis) => axis.key)).size < axes.length) {
    throw invalid(text, "a parameter stands twice");
  }
  return axes;
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

/** Which exchange a backtest met: the assumptions in force and the files they were read from, for `data` and text. */
import { assumptionValue } from "../../core/exchange/assumption.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import type { Config } from "../config/schema.ts";
import type { ProbeResult } from "../probe/result.ts";
import { paperOptions } from "./settings.ts";

/** Files that replaced values of `paper`. */
export interface ModelFiles {
  /** `--latency`. */
  readonly latency: { readonly file: string; readonly probe: ProbeResult } | null;
  /** `--exchange-model`; where both state a latency, this one holds. */
  readonly exchangeModel: string | null;
}

export const NO_MODEL_FILES: ModelFiles = { latency: null, exchangeModel: null };

const assumptionsOf = (config: Config) => new ExchangeModel(paperOptions(config)).describe();

/** `data.exchange`: every assumption of the exchange model with its value, and where measured ones come from. */
export function exchangeData(
  config: Config,
  { latency, exchangeModel }: ModelFiles,
): Record<string, unknown> {
  return {
    latencyFile: latency === null
      ? null
      : { file: latency.file, label: latency.probe.label, at: latency.probe.at, venue: latency.probe.venue },
    modelFile: exchangeModel,
    assumptions: assumptionsOf(config).map((unit) => ({ unit: unit.unit, value: assumptionValue(unit) })),
  };
}

/** The lines of text: the three latencies, and the files. */
export function latencyFacts(config: Config, { latency, exchangeModel }: ModelFiles): [string, string][] {
  const shown = assumptionsOf(config).filter(({ unit }) => unit.endsWith(" latency")).map((unit) =>
    [unit.unit, assumptionValue(unit)] as [string, string]
  );
  const files = [
    ...(latency === null ? [] : [`${latency.file} (${latency.probe.label}, ${latency.probe.at})`]),
    ...(exchangeModel === null ? [] : [exchangeModel]),
  ];
  return [...shown, [
    "latencies from",
    files.length === 0 ? "the configuration (paper)" : files.join(", then "),
  ]];
}

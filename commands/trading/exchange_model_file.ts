/**
 * Measured parameters of the exchange model as a file: `calibrate` writes it, `backtest` and `trade` read it. It replaces
 * those keys of `paper` that it has; the rest stays as configured.
 */
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import { impactModel } from "../../core/exchange/impact.ts";
import type { ExchangeOptions } from "../../core/exchange/options.ts";
import { type Config, configSchema } from "../config/schema.ts";
import { paperOptions } from "./settings.ts";

export const EXCHANGE_MODEL_SCHEMA = "poly-edge-exchange-model/1";

const fitSchema = z.strictObject({
  /** What was to be measured: order latency, queue, ... */
  name: z.string(),
  /** `kept`: too few samples or nothing to tell it by; the configured value stays. */
  status: z.enum(["fitted", "kept"]),
  samples: z.int().min(0),
  /** Samples below which nothing is fitted. */
  needed: z.int().min(0),
  /** The value in words. */
  value: z.string(),
  note: z.string(),
});
export type Fit = z.infer<typeof fitSchema>;

const quantiles = z.array(z.string());
/** The keys of `paper` that can be measured. */
const paperSchema = z.strictObject({
  orderLatencyQuantiles: quantiles.optional(),
  responseLatencyQuantiles: quantiles.optional(),
  takerHoldMs: z.int().min(0).optional(),
  queue: z.string().optional(),
  impact: z.string().optional(),
  settlementMs: z.int().min(0).optional(),
  settlementFailureRate: z.number().min(0).max(1).optional(),
});
export type MeasuredPaper = z.infer<typeof paperSchema>;

const fileSchema = z.strictObject({
  schema: z.literal(EXCHANGE_MODEL_SCHEMA),
  /** Version of poly-edge that made it. */
  version: z.string(),
  madeAt: z.iso.datetime(),
  sessions: z.array(z.strictObject({
    id: z.string(),
    mode: z.string(),
    venue: z.string(),
    orders: z.int().min(0),
    fromMs: z.number().nullable(),
    toMs: z.number().nullable(),
  })),
  paper: paperSchema,
  fits: z.array(fitSchema),
});
export type ExchangeModelFile = z.infer<typeof fileSchema>;

const bad = (path: string, why: string, cause?: unknown): OperationError =>
  new OperationError({
    code: "EXCHANGE_MODEL_INVALID",
    message: `Cannot use ${path} as an exchange model: ${why}`,
    hint: "Make it with `poly-edge calibrate SESSION... --out FILE`.",
    exit: 2,
    cause,
  });

export const exchangeModelText = (file: ExchangeModelFile): string => `${JSON.stringify(file, null, 2)}\n`;

/** Reads a model's file. Throws FILE_NOT_FOUND, EXCHANGE_MODEL_INVALID (exit 2). */
export async function readExchangeModel(path: string): Promise<ExchangeModelFile> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw bad(path, String(cause), cause);
    throw new OperationError({
      code: "FILE_NOT_FOUND",
      message: `Cannot open ${path}: it does not exist`,
      hint: "Make it with `poly-edge calibrate SESSION... --out FILE`.",
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(path, "it is no JSON", cause);
  }
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw bad(path, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a model"}`);
  }
  applyExchangeModel(configSchema.parse({}), parsed.data, path);
  return parsed.data;
}

/** The configuration with the model's measured values. Throws EXCHANGE_MODEL_INVALID when they do not fit it. */
export function applyExchangeModel(config: Config, model: ExchangeModelFile, path = "the model"): Config {
  const parsed = configSchema.shape.paper.safeParse({ ...config.paper, ...model.paper });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw bad(path, `paper.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}`);
  }
  return { ...config, paper: parsed.data };
}

/** `config` with the model of `path`; as it is when there is no path. */
export async function withExchangeModel(config: Config, path: string | null): Promise<Config> {
  return path === null ? config : applyExchangeModel(config, await readExchangeModel(path), path);
}

/**
 * The same model as a prediction beside a real venue: the venue's own account is the one that counts, and its market data
 * tells what became of our fills, so that a mark of ours ends with the next word about its level.
 */
export const venuePrediction = (config: Config): ExchangeOptions => ({
  ...paperOptions(config),
  freeFunds: true,
  impact: impactModel("untilRestated"),
});

/** What a model says of itself: written into its file, checked at each load. */
import { z } from "zod";
import { OperationError } from "../../core/errors.ts";
import { INPUT_LIMIT } from "../ppo/normalise.ts";
import { ABSENT, INPUT_NAMES, inputsHash, namesOfSize } from "./inputs.ts";

export const MODEL_FORMAT = "poly-edge-model-1";
/** Added to variances before the root, as `models/ppo/normalise.ts` does. */
export const NORMALISE_EPSILON = 1e-8;
const MAX_HISTORY = 64;
const MAX_INPUTS = 256;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const decimal = z.string().regex(/^-?\d{1,15}(\.\d{1,6})?$/);
const count = z.int().nonnegative();
const row = z.array(z.number()).min(1).max(MAX_INPUTS);

/** Statistics of training that inputs are normalised with; live inputs never move them. */
export const normalisationSchema = z.strictObject({
  count: z.number().nonnegative(),
  mean: row,
  variance: z.array(z.number().nonnegative()).min(1).max(MAX_INPUTS),
  epsilon: z.literal(NORMALISE_EPSILON),
  limit: z.literal(INPUT_LIMIT),
});

/** How it did on windows that it was never trained on. */
export const walkForwardSchema = z.strictObject({
  /** What was judged and how, in words: periods, folds, costs. */
  basis: z.string().min(1).max(2000),
  windows: count,
  trades: count,
  /** pUSD after fees. */
  pnl: decimal,
  /** 95 % confidence interval of the profit per window, pUSD. */
  ci95: z.tuple([decimal, decimal]),
  /** Only with an interval above zero. */
  edgeProven: z.boolean(),
});
export type WalkForward = z.infer<typeof walkForwardSchema>;

/** Where it comes from. null: not known. */
export const provenanceSchema = z.strictObject({
  source: z.string().min(1).max(500),
  /** Digest of what it was trained on. */
  trainingDataHash: hash.nullable(),
  /** Version of the program that trained it. */
  codeVersion: z.string().max(100).nullable(),
  seed: z.int().nullable(),
  steps: count.nullable(),
});
export type Provenance = z.infer<typeof provenanceSchema>;

export const COLUMNS = ["hold", "up", "down"] as const;

export const cardSchema = z.strictObject({
  format: z.literal(MODEL_FORMAT),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
  /** `kernel`: our own; `onnxruntime`: ONNX Runtime Web. */
  runtime: z.enum(["kernel", "onnxruntime"]),
  features: z.strictObject({ names: z.array(z.string().max(64)).min(1).max(MAX_INPUTS), hash }),
  /** Vectors in one input, oldest first, the newest last. */
  history: z.int().min(1).max(MAX_HISTORY),
  absent: z.enum(ABSENT),
  normalisation: normalisationSchema.nullable(),
  /** The graph's output and what its columns mean. With `hold` the largest decides; without, `up` is a probability. */
  output: z.strictObject({ name: z.string().max(1024), columns: z.array(z.enum(COLUMNS)).min(1).max(3) }),
  decideEveryMs: z.int().min(10).max(60_000),
  provenance: provenanceSchema,
  walkForward: walkForwardSchema.nullable(),
  /** Raw inputs (`history` vectors) and the outputs that they must give. null in an input: absent. */
  golden: z.strictObject({ input: z.array(z.array(z.number().nullable())).min(1), output: row }),
});
export type ModelCard = z.infer<typeof cardSchema>;

/** What is wrong with a model's file or card. */
export const badModel = (what: string): OperationError =>
  new OperationError({
    code: "MODEL_INVALID",
    message: `Cannot use the model as a policy: ${what}`,
    hint: "Import it again (`poly-edge models import --help`), or save it again from its training.",
  });

const ASKED: Readonly<Record<string, readonly string[]>> = {
  kernel: ["hold", "up", "down"],
};

function checkFeatures({ features, runtime, history, absent }: ModelCard): void {
  const { names } = features;
  const unknown = names.filter((name) => !INPUT_NAMES.includes(name));
  const here = inputsHash(names);
  if (unknown.length > 0 || here !== features.hash) {
    throw new OperationError({
      code: "MODEL_FEATURES_DIFFER",
      message: unknown.length > 0
        ? `Cannot use the model as a policy: it wants the inputs ${
          unknown.join(", ")
        }, which do not exist here`
        : `Cannot use the model as a policy: its feature schema is ${features.hash.slice(0, 16)}, here ${
          here.slice(0, 16)
        }`,
      hint: "It was made for other inputs than this version computes: train or import it again.",
      exit: 3,
    });
  }
  if (new Set(names).size < names.length) throw badModel("it declares an input twice");
  if (runtime === "onnxruntime" && history !== 1) throw badModel("a model of ONNX Runtime sees one vector");
  if (runtime === "onnxruntime") return;
  if (absent !== "zero") throw badModel("the kernel knows absent inputs as zero only");
  if (namesOfSize(names.length)?.join() !== names.join()) {
    throw badModel("the kernel takes the inputs as an observation has them, all and in order");
  }
}

function checkOutput({ output, runtime }: ModelCard): void {
  const { columns } = output;
  if (new Set(columns).size < columns.length || !columns.includes("up")) {
    throw badModel(`its columns are ${columns.join(", ")}: each once, and "up" among them`);
  }
  if (columns.includes("hold") && !columns.includes("down")) throw badModel('it has "hold" but no "down"');
  const asked = ASKED[runtime];
  if (asked !== undefined && asked.join() !== columns.join()) {
    throw badModel(`the kernel's columns are ${asked}`);
  }
}

function checkNumbers({ features, history, normalisation, golden, output, walkForward }: ModelCard): void {
  const width = features.names.length;
  if (normalisation !== null) {
    const { mean, variance } = normalisation;
    if (mean.length !== width || variance.length !== width) {
      throw badModel(
        `its normalisation has ${mean.length} means and ${variance.length} variances, not ${width}`,
      );
    }
  }
  if (golden.input.length !== history || golden.input.some((vector) => vector.length !== width)) {
    throw badModel(`its golden input is not ${history} x ${width}`);
  }
  if (golden.output.length !== output.columns.length) throw badModel("its golden output has other columns");
  if (walkForward?.edgeProven === true && !(Number(walkForward.ci95[0]) > 0)) {
    throw badModel(`it claims an edge, but its interval begins at ${walkForward.ci95[0]}`);
  }
}

/** Reads a card. Throws MODEL_INVALID, and MODEL_FEATURES_DIFFER (exit 3) when its inputs are not ours. */
export function parseCard(value: unknown): ModelCard {
  const parsed = cardSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw badModel(`its card is no ${MODEL_FORMAT}: ${issue?.path.join(".") || "card"}: ${issue?.message}`);
  }
  const card = parsed.data;
  checkFeatures(card);
  checkOutput(card);
  checkNumbers(card);
  return card;
}

/** Whether the card holds the proof of an edge. */
export const hasProvenEdge = (card: ModelCard): boolean => card.walkForward?.edgeProven === true;

/** Why a model must not be trusted with money; null with a proven edge. */
export function edgeWarning(card: ModelCard): string | null {
  const { walkForward: judged } = card;
  if (hasProvenEdge(card)) return null;
  return judged === null
    ? `The model ${card.name} has no proven edge: it was never judged on windows it was not trained on.`
    : `The model ${card.name} has no proven edge: ${judged.pnl} pUSD over ${judged.windows} windows, ` +
      `${judged.ci95.join(" to ")} per window (${judged.basis}).`;
}

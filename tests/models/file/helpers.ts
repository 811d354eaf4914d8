import type { ImportOptions } from "../../../models/file/import.ts";
import { INPUT_NAMES } from "../../../models/file/inputs.ts";
import { kernelModelFile, type ModelInfo } from "../../../models/file/kernel_model.ts";
import { encodeFloats } from "../../../models/kernel/kernel.ts";
import { SEED_ACTOR } from "../../../models/networks/seed.ts";
import type { NetworkSpec } from "../../../models/networks/spec.ts";
import type { PpoModel } from "../../../models/ppo/model.ts";
import { randomNetwork } from "../helpers.ts";

export const INFO: ModelInfo = {
  name: "tried",
  provenance: {
    source: "a test",
    trainingDataHash: "a".repeat(64),
    codeVersion: "0.1.0",
    seed: 3,
    steps: 1000,
  },
  walkForward: null,
  decideEveryMs: 500,
};

/** A policy with random weights and a normalisation that is none of the trivial ones. */
export function ppoModel(network: NetworkSpec = SEED_ACTOR, seed = 1): PpoModel {
  const row = (from: number, step: number) =>
    Array.from({ length: network.features }, (_, i) => from + step * i);
  return {
    format: "poly-edge-policy-1",
    network,
    weights: encodeFloats(randomNetwork(network, 1, seed).weights()),
    normaliser: { count: 1000, mean: row(-0.1, 0.01), variance: row(0.2, 0.05) },
    trainedSteps: 1000,
  };
}

export const modelFile = (network?: NetworkSpec, info: Partial<ModelInfo> = {}): Uint8Array<ArrayBuffer> =>
  kernelModelFile(ppoModel(network), { ...INFO, ...info });

/** The declaration of the forest of the fixtures: six inputs, three columns. */
export const FOREST: ImportOptions = {
  ...INFO,
  name: "forest",
  features: INPUT_NAMES.slice(0, 6),
  columns: ["hold", "up", "down"],
  absent: "zero",
  normaliser: null,
  output: null,
};

export const SEED_IMPORT: ImportOptions = { ...FOREST, name: "actor", features: INPUT_NAMES.slice(0, 18) };

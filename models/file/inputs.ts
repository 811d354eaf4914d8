/** The inputs a model may declare, by name, and the digest of a declaration. */
import { createHash } from "node:crypto";
import { FEATURE_COUNT, FEATURE_NAMES } from "../../core/features/vector.ts";
import type { MarketView } from "../../core/policy/policy.ts";
import { EDGE_COUNT, EDGE_NAMES, OBSERVATION_SETS, observationSize, writeView } from "../env/observation.ts";

/** Grows when an input of the same name is computed otherwise: models of before are refused then. */
const MEANING = "poly-edge-inputs-1";

/** In the order of an observation: the features, then what the view adds. */
export const INPUT_NAMES: readonly string[] = [...FEATURE_NAMES, ...EDGE_NAMES];

/** Digest of names, order and meaning of inputs. */
export const inputsHash = (names: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify([MEANING, ...names])).digest("hex");

/** The names of an observation set by its size; null for a size that is none. */
export function namesOfSize(size: number): readonly string[] | null {
  return OBSERVATION_SETS.some((set) => observationSize(set) === size) ? INPUT_NAMES.slice(0, size) : null;
}

/** What stands for an input that cannot be computed. Only the first 18 can be told apart from 0. */
export const ABSENT = ["zero", "nan"] as const;
export type Absent = typeof ABSENT[number];

/** Writes the named inputs of a view. Allocates nothing per call. */
export function inputWriter(
  names: readonly string[],
  absent: Absent,
): (view: MarketView, to: Float32Array) => void {
  const places = Int32Array.from(names, (name) => INPUT_NAMES.indexOf(name));
  const size = places.some((place) => place >= FEATURE_COUNT) ? EDGE_COUNT : FEATURE_COUNT;
  const observation = new Float32Array(size);
  return (view, to) => {
    writeView(view, size, observation, 0);
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      const missing = absent === "nan" && place < FEATURE_COUNT && view.features.present[place] === 0;
      if (missing) to[i] = NaN;
      else to[i] = observation[place]!;
    }
  };
}

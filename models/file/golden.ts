/** The input every model is tried with when it is written, and the judge of its outputs when it is loaded. */
import { OperationError } from "../../core/errors.ts";
import { seededRandom } from "../../core/random.ts";

/** `count` vectors of `width` numbers from -1 to 1 that f32 holds exactly; always the same. */
export function goldenVectors(count: number, width: number): number[][] {
  const random = seededRandom(20_261_121);
  const next = () => Math.fround(Math.floor(random() * 2049 - 1024) / 1024);
  return Array.from({ length: count }, () => Array.from({ length: width }, next));
}

/** Throws MODEL_GOLDEN_DIFFERS (exit 3) unless every output is within `tolerance` of the card's. */
export function checkGolden(wanted: readonly number[], got: readonly number[], tolerance: number): void {
  const at = wanted.findIndex((value, i) => !(Math.abs(value - got[i]!) <= tolerance));
  if (at < 0 && wanted.length === got.length) return;
  throw new OperationError({
    code: "MODEL_GOLDEN_DIFFERS",
    message: `Cannot use the model as a policy: its golden input gives [${got.join(", ")}], ` +
      `its card says [${wanted.join(", ")}]`,
    hint: "Model and program do not belong together: nothing it decides could be trusted.",
    exit: 3,
  });
}

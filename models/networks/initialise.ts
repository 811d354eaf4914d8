/**
 * Starting weights: orthogonal matrices (Saxe et al. 2014) times a gain, biases 0. Gains as PPO implementations use
 * them: sqrt 2 inside, 0.01 for the last layer of a policy (it starts near uniform), 1 for the last layer of a value.
 */
import type { Random } from "../../core/random.ts";
import type { Network } from "../kernel/kernel.ts";

/**
 * Twelve uniform numbers less six: bell-shaped, variance 1, and nothing but additions. A true normal number would need
 * the engine's logarithm and cosine, and their last places would make starting weights differ between machines.
 */
function bell(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

/** rows x columns, row after row, with orthonormal rows or columns (whichever are fewer), by Gram-Schmidt in f64. */
export function orthogonal(random: Random, rows: number, columns: number): Float64Array {
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const v = Float64Array.from({ length }, () => bell(random));
    // Twice: once loses orthogonality to rounding when vectors are many.
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors) {
        let dot = 0;
        for (let i = 0; i < length; i++) dot += v[i]! * other[i]!;
        for (let i = 0; i < length; i++) v[i] = v[i]! - dot * other[i]!;
      }
    }
    let squares = 0;
    for (let i = 0; i < length; i++) squares += v[i]! * v[i]!;
    const scale = 1 / Math.sqrt(squares);
    for (let i = 0; i < length; i++) v[i] = v[i]! * scale;
    vectors.push(v);
  }
  const out = new Float64Array(rows * columns);
  vectors.forEach((v, a) =>
    v.forEach((value, b) => {
      if (rows <= columns) out[a * columns + b] = value;
      else out[b * columns + a] = value;
    })
  );
  return out;
}

/** Fills a network from `random`; `lastGain` is the gain of its last dense layer. */
export function initialise(network: Network, random: Random, lastGain: number): void {
  const { tensors } = network.plan;
  const last = tensors.findLast(({ kind }) => kind === "weight");
  for (const tensor of tensors) {
    const { name, kind, rows, columns } = tensor;
    if (kind === "weight") {
      const gain = tensor === last ? lastGain : Math.SQRT2;
      network.setTensor(name, orthogonal(random, rows, columns).map((value) => value * gain));
    } else {
      network.setTensor(name, new Float64Array(columns).fill(kind === "gain" ? 1 : 0));
    }
  }
}

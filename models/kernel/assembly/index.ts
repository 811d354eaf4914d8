// The kernel: runs a table of operations over memory that its owner laid out. It allocates nothing, keeps no state and
// knows no network; `plan.ts` writes the tables, `scalar.ts` reads the same tables in plain TypeScript.
import { gemm, transpose } from "./gemm";
import {
  copyRows, layerNormBackward, layerNormForward, logSoftmaxBackward, logSoftmaxForward, sumRows, tanhBackward, tanhForward,
} from "./layers";

@inline
function field(at: usize, index: usize): i32 {
  return load<i32>(at + (index << 2));
}

/** Runs `count` records of 64 bytes at `program` for the first `rows` samples. Fields: see OP and FIELD in `plan.ts`. */
export function run(program: usize, count: i32, rows: i32): void {
  for (let i = 0; i < count; i++, program += 64) {
    const x = <usize>field(program, 1), ldx = <usize>field(program, 2);
    const y = <usize>field(program, 3), ldy = <usize>field(program, 4);
    const w = <usize>field(program, 5), ldw = <usize>field(program, 6);
    const bias = <usize>field(program, 7);
    const K = field(program, 8), N = field(program, 9);
    const s = <usize>field(program, 10);
    const dx = <usize>field(program, 13), lddx = <usize>field(program, 14);
    switch (field(program, 0)) {
      case 1: gemm(rows, N, K, x, ldx, 4, w, ldw, y, ldy, bias); break;
      case 2: tanhForward(rows, N, y, ldy); break;
      case 3: layerNormForward(rows, N, x, ldx, y, ldy, w, bias, s); break;
      case 4: logSoftmaxForward(rows, N, x, ldx, y, ldy, w, ldw); break;
      case 5: copyRows(rows, N, x, ldx, y, ldy); break;
      case 11: {
        gemm(K, N, rows, x, 4, ldx, y, ldy, s, ldw, 0);
        sumRows(rows, N, y, ldy, bias);
        if (dx != 0) {
          const wt = <usize>field(program, 11), ldwt = <usize>field(program, 12);
          const pad = field(program, 15);
          transpose(K, N, w, ldw, wt, ldwt, pad);
          gemm(rows, pad, N, y, ldy, 4, wt, ldwt, dx, lddx, 0);
        }
        break;
      }
      case 12: tanhBackward(rows, N, x, ldx, y, ldy); break;
      case 13: layerNormBackward(rows, N, x, ldx, y, ldy, w, ldw, bias, s, dx, lddx); break;
      case 14: logSoftmaxBackward(rows, N, field(program, 15), x, ldx, y, ldy, dx, lddx); break;
      default: unreachable();
    }
  }
}

/** Sum of squares of `n` f32 (a multiple of 4) in f64: four running sums, then (s0 + s1) + (s2 + s3). */
export function sumSquares(at: usize, n: i32): f64 {
  let low = f64x2.splat(0), high = f64x2.splat(0);
  for (const end = at + (<usize>n << 2); at < end; at += 16) {
    const v = v128.load(at);
    const a = f64x2.promote_low_f32x4(v), b = f64x2.promote_low_f32x4(v128.shuffle<f32>(v, v, 2, 3, 2, 3));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  return (f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1)) + (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1));
}

/**
 * One Adam step over `n` f32 (a multiple of 4). g = gradient * scale; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
 * p -= step * m / (sqrt(v) * root + eps) with step = lr / (1 - b1^t) and root = 1 / sqrt(1 - b2^t).
 */
export function adam(
  p: usize, g: usize, m: usize, v: usize, n: i32, scale: f32, step: f32, root: f32, beta1: f32, beta2: f32, eps: f32,
): void {
  const scale4 = f32x4.splat(scale), step4 = f32x4.splat(step), root4 = f32x4.splat(root), eps4 = f32x4.splat(eps);
  const b1 = f32x4.splat(beta1), c1 = f32x4.splat(1 - beta1), b2 = f32x4.splat(beta2), c2 = f32x4.splat(1 - beta2);
  for (const end = p + (<usize>n << 2); p < end; p += 16, g += 16, m += 16, v += 16) {
    const d = f32x4.mul(v128.load(g), scale4);
    const mean = f32x4.add(f32x4.mul(b1, v128.load(m)), f32x4.mul(c1, d));
    const square = f32x4.add(f32x4.mul(b2, v128.load(v)), f32x4.mul(c2, f32x4.mul(d, d)));
    v128.store(m, mean);
    v128.store(v, square);
    const below = f32x4.add(f32x4.mul(f32x4.sqrt(square), root4), eps4);
    v128.store(p, f32x4.sub(v128.load(p), f32x4.div(f32x4.mul(step4, mean), below)));
  }
}

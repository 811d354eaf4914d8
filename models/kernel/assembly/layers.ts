// Forward and backward of everything that is no matrix product. Strides in bytes, one row per sample.
import { exp, log, tanh4 } from "./functions";

@inline
function lanes(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

export function tanhForward(M: i32, N: i32, y: usize, ldy: usize): void {
  const bytes = <usize>N << 2;
  for (let m = 0; m < M; m++, y += ldy) {
    for (let at: usize = 0; at < bytes; at += 16) v128.store(y + at, tanh4(v128.load(y + at)));
  }
}

/** dy = dy * (1 - y^2), in place. */
export function tanhBackward(M: i32, N: i32, y: usize, ldy: usize, dy: usize, lddy: usize): void {
  const bytes = <usize>N << 2;
  const one = f32x4.splat(1);
  for (let m = 0; m < M; m++, y += ldy, dy += lddy) {
    for (let at: usize = 0; at < bytes; at += 16) {
      const v = v128.load(y + at);
      v128.store(dy + at, f32x4.mul(v128.load(dy + at), f32x4.sub(one, f32x4.mul(v, v))));
    }
  }
}

/** y = (x - mean) * rstd * gamma + beta; mean and rstd of each row are kept in `stats` (two f32 a row). */
export function layerNormForward(M: i32, N: i32, x: usize, ldx: usize, y: usize, ldy: usize, gamma: usize, beta: usize, stats: usize): void {
  const bytes = <usize>N << 2;
  for (let m = 0; m < M; m++, x += ldx, y += ldy, stats += 8) {
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) sum = f32x4.add(sum, v128.load(x + at));
    const mean = lanes(sum) / <f32>N;
    const mean4 = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) {
      const d = f32x4.sub(v128.load(x + at), mean4);
      squares = f32x4.add(squares, f32x4.mul(d, d));
    }
    const rstd: f32 = 1 / Mathf.sqrt(lanes(squares) / <f32>N + <f32>1e-5);
    const rstd4 = f32x4.splat(rstd);
    store<f32>(stats, mean);
    store<f32>(stats, rstd, 4);
    for (let at: usize = 0; at < bytes; at += 16) {
      const hat = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), rstd4);
      v128.store(y + at, f32x4.add(f32x4.mul(hat, v128.load(gamma + at)), v128.load(beta + at)));
    }
  }
}

/** Overwrites dgamma and dbeta with sums over the rows; dx = rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma. */
export function layerNormBackward(
  M: i32, N: i32, x: usize, ldx: usize, dy: usize, lddy: usize, gamma: usize, dgamma: usize, dbeta: usize, stats: usize, dx: usize, lddx: usize,
): void {
  const bytes = <usize>N << 2;
  memory.fill(dgamma, 0, bytes);
  memory.fill(dbeta, 0, bytes);
  for (let m = 0; m < M; m++, x += ldx, dy += lddy, dx += lddx, stats += 8) {
    const mean4 = v128.load32_splat(stats), rstd4 = v128.load32_splat(stats, 4);
    let sumG = f32x4.splat(0), sumGx = f32x4.splat(0);
    for (let at: usize = 0; at < bytes; at += 16) {
      const hat = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), rstd4);
      const d = v128.load(dy + at);
      const g = f32x4.mul(d, v128.load(gamma + at));
      sumG = f32x4.add(sumG, g);
      sumGx = f32x4.add(sumGx, f32x4.mul(g, hat));
      v128.store(dgamma + at, f32x4.add(v128.load(dgamma + at), f32x4.mul(d, hat)));
      v128.store(dbeta + at, f32x4.add(v128.load(dbeta + at), d));
    }
    const meanG = f32x4.splat(lanes(sumG) / <f32>N), meanGx = f32x4.splat(lanes(sumGx) / <f32>N);
    for (let at: usize = 0; at < bytes; at += 16) {
      const hat = f32x4.mul(f32x4.sub(v128.load(x + at), mean4), rstd4);
      const g = f32x4.mul(v128.load(dy + at), v128.load(gamma + at));
      v128.store(dx + at, f32x4.mul(rstd4, f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(hat, meanGx))));
    }
  }
}

/** Log-probabilities and probabilities of each row of `n` logits. */
export function logSoftmaxForward(M: i32, n: i32, x: usize, ldx: usize, y: usize, ldy: usize, p: usize, ldp: usize): void {
  const bytes = <usize>n << 2;
  for (let m = 0; m < M; m++, x += ldx, y += ldy, p += ldp) {
    let top: f64 = <f64>load<f32>(x);
    for (let at: usize = 4; at < bytes; at += 4) top = max(top, <f64>load<f32>(x + at));
    let total: f64 = 0;
    for (let at: usize = 0; at < bytes; at += 4) {
      const e = exp(<f64>load<f32>(x + at) - top);
      total += e;
      store<f32>(p + at, <f32>e);
    }
    const base = top + log(total);
    const share = 1 / total;
    for (let at: usize = 0; at < bytes; at += 4) {
      store<f32>(y + at, <f32>(<f64>load<f32>(x + at) - base));
      store<f32>(p + at, <f32>(<f64>load<f32>(p + at) * share));
    }
  }
}

/** dx = dy - p * sum(dy); columns n..pad-1 of dx become 0. */
export function logSoftmaxBackward(M: i32, n: i32, pad: i32, p: usize, ldp: usize, dy: usize, lddy: usize, dx: usize, lddx: usize): void {
  const bytes = <usize>n << 2, padded = <usize>pad << 2;
  for (let m = 0; m < M; m++, p += ldp, dy += lddy, dx += lddx) {
    let sum: f32 = 0;
    for (let at: usize = 0; at < bytes; at += 4) sum += load<f32>(dy + at);
    for (let at: usize = 0; at < padded; at += 4) {
      store<f32>(dx + at, at < bytes ? load<f32>(dy + at) - load<f32>(p + at) * sum : 0);
    }
  }
}

export function copyRows(M: i32, n: i32, x: usize, ldx: usize, y: usize, ldy: usize): void {
  for (let m = 0; m < M; m++, x += ldx, y += ldy) memory.copy(y, x, <usize>n << 2);
}

/** out[N] = sum of the rows of dy. */
export function sumRows(M: i32, N: i32, dy: usize, lddy: usize, out: usize): void {
  const bytes = <usize>N << 2;
  for (let at: usize = 0; at < bytes; at += 16) {
    let sum = f32x4.splat(0);
    let row = dy + at;
    for (let m = 0; m < M; m++, row += lddy) sum = f32x4.add(sum, v128.load(row));
    v128.store(out + at, sum);
  }
}

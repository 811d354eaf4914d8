// Matrix product with register blocks. Every output element is bias (or 0), then + a*b for k = 0, 1, 2 ... in that
// order, each product and each sum rounded to f32. The order depends neither on the block shape nor on the number of
// rows, so a market alone and a market among eight get the same bits, and so does the scalar version in TypeScript.

@inline
function start(bias: usize, at: usize): v128 {
  return bias == 0 ? f32x4.splat(0) : v128.load(bias + at);
}

@inline
function step(acc: v128, x: v128, y: v128): v128 {
  return f32x4.add(acc, f32x4.mul(x, y));
}

function block4x2(K: i32, a: usize, am: usize, ak: usize, b: usize, ldb: usize, c: usize, ldc: usize, bias: usize, at: usize): void {
  let c00 = start(bias, at), c01 = start(bias, at + 16);
  let c10 = c00, c11 = c01, c20 = c00, c21 = c01, c30 = c00, c31 = c01;
  let a1 = a + am, a2 = a1 + am, a3 = a2 + am;
  for (let k = 0; k < K; k++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = step(c00, x, b0); c01 = step(c01, x, b1);
    x = v128.load32_splat(a1);
    c10 = step(c10, x, b0); c11 = step(c11, x, b1);
    x = v128.load32_splat(a2);
    c20 = step(c20, x, b0); c21 = step(c21, x, b1);
    x = v128.load32_splat(a3);
    c30 = step(c30, x, b0); c31 = step(c31, x, b1);
    a += ak; a1 += ak; a2 += ak; a3 += ak; b += ldb;
  }
  v128.store(c, c00); v128.store(c, c01, 16); c += ldc;
  v128.store(c, c10); v128.store(c, c11, 16); c += ldc;
  v128.store(c, c20); v128.store(c, c21, 16); c += ldc;
  v128.store(c, c30); v128.store(c, c31, 16);
}

function block4x1(K: i32, a: usize, am: usize, ak: usize, b: usize, ldb: usize, c: usize, ldc: usize, bias: usize, at: usize): void {
  let c0 = start(bias, at);
  let c1 = c0, c2 = c0, c3 = c0;
  let a1 = a + am, a2 = a1 + am, a3 = a2 + am;
  for (let k = 0; k < K; k++) {
    const b0 = v128.load(b);
    c0 = step(c0, v128.load32_splat(a), b0);
    c1 = step(c1, v128.load32_splat(a1), b0);
    c2 = step(c2, v128.load32_splat(a2), b0);
    c3 = step(c3, v128.load32_splat(a3), b0);
    a += ak; a1 += ak; a2 += ak; a3 += ak; b += ldb;
  }
  v128.store(c, c0); c += ldc;
  v128.store(c, c1); c += ldc;
  v128.store(c, c2); c += ldc;
  v128.store(c, c3);
}

function block1x8(K: i32, a: usize, ak: usize, b: usize, ldb: usize, c: usize, bias: usize, at: usize): void {
  let c0 = start(bias, at), c1 = start(bias, at + 16), c2 = start(bias, at + 32), c3 = start(bias, at + 48);
  let c4 = start(bias, at + 64), c5 = start(bias, at + 80), c6 = start(bias, at + 96), c7 = start(bias, at + 112);
  for (let k = 0; k < K; k++) {
    const x = v128.load32_splat(a);
    c0 = step(c0, x, v128.load(b)); c1 = step(c1, x, v128.load(b, 16));
    c2 = step(c2, x, v128.load(b, 32)); c3 = step(c3, x, v128.load(b, 48));
    c4 = step(c4, x, v128.load(b, 64)); c5 = step(c5, x, v128.load(b, 80));
    c6 = step(c6, x, v128.load(b, 96)); c7 = step(c7, x, v128.load(b, 112));
    a += ak; b += ldb;
  }
  v128.store(c, c0); v128.store(c, c1, 16); v128.store(c, c2, 32); v128.store(c, c3, 48);
  v128.store(c, c4, 64); v128.store(c, c5, 80); v128.store(c, c6, 96); v128.store(c, c7, 112);
}

function block1x1(K: i32, a: usize, ak: usize, b: usize, ldb: usize, c: usize, bias: usize, at: usize): void {
  let c0 = start(bias, at);
  for (let k = 0; k < K; k++) {
    c0 = step(c0, v128.load32_splat(a), v128.load(b));
    a += ak; b += ldb;
  }
  v128.store(c, c0);
}

/**
 * C[M x N] = bias + A[M x K] * B[K x N]. Strides in bytes: `am` between rows and `ak` between columns of A (so a
 * transposed A needs no copy), `ldb`, `ldc` between rows of B and C. N is a multiple of 4. `bias` 0: none.
 */
export function gemm(M: i32, N: i32, K: i32, a: usize, am: usize, ak: usize, b: usize, ldb: usize, c: usize, ldc: usize, bias: usize): void {
  const bytes = <usize>N << 2;
  const whole = M & ~3;
  // Columns outside, rows inside: one narrow panel of B stays in the first cache while all rows pass over it.
  let at: usize = 0;
  if (whole > 0) {
    for (; at + 32 <= bytes; at += 32) {
      for (let m = 0; m < whole; m += 4) block4x2(K, a + <usize>m * am, am, ak, b + at, ldb, c + <usize>m * ldc + at, ldc, bias, at);
    }
    for (; at < bytes; at += 16) {
      for (let m = 0; m < whole; m += 4) block4x1(K, a + <usize>m * am, am, ak, b + at, ldb, c + <usize>m * ldc + at, ldc, bias, at);
    }
  }
  for (let m = whole; m < M; m++) {
    const row = a + <usize>m * am, out = c + <usize>m * ldc;
    at = 0;
    for (; at + 128 <= bytes; at += 128) block1x8(K, row, ak, b + at, ldb, out + at, bias, at);
    for (; at < bytes; at += 16) block1x1(K, row, ak, b + at, ldb, out + at, bias, at);
  }
}

/** out[N x K] = in[K x N] transposed, rows of `ldo` bytes; columns K..pad-1 of out become 0. */
export function transpose(K: i32, N: i32, b: usize, ldb: usize, out: usize, ldo: usize, pad: i32): void {
  const whole = K & ~3;
  for (let k = 0; k < whole; k += 4) {
    const row = b + <usize>k * ldb;
    for (let n = 0; n < N; n += 4) {
      const at = row + (<usize>n << 2);
      const r0 = v128.load(at), r1 = v128.load(at + ldb), r2 = v128.load(at + 2 * ldb), r3 = v128.load(at + 3 * ldb);
      const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      let to = out + <usize>n * ldo + (<usize>k << 2);
      v128.store(to, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5)); to += ldo;
      v128.store(to, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7)); to += ldo;
      v128.store(to, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5)); to += ldo;
      v128.store(to, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7));
    }
  }
  for (let n = 0; n < N; n++) {
    const to = out + <usize>n * ldo;
    for (let k = whole; k < pad; k++) {
      store<f32>(to + (<usize>k << 2), k < K ? load<f32>(b + <usize>k * ldb + (<usize>n << 2)) : 0);
    }
  }
}

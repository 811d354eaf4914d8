// tanh, exp and log of our own: only +, -, *, / and comparisons, so that every machine gives the same bits. The
// browser's and the C library's differ from each other in the last place.

/** tanh of four f32: odd rational function 9/8, minimax in relative error on [0, 9], |error| < 4e-7, within [-1, 1]. */
@inline
export function tanh4(v: v128): v128 {
  const x = f32x4.max(f32x4.min(v, f32x4.splat(9)), f32x4.splat(-9));
  const u = f32x4.mul(x, x);
  let p = f32x4.add(f32x4.mul(f32x4.splat(1.3354616967831134e-8), u), f32x4.splat(2.0609051716746762e-5));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(3.4955863375216722e-3));
  p = f32x4.add(f32x4.mul(p, u), f32x4.splat(0.13381023705005646));
  p = f32x4.mul(f32x4.add(f32x4.mul(p, u), f32x4.splat(1)), x);
  let q = f32x4.add(f32x4.mul(f32x4.splat(7.776540087434114e-7), u), f32x4.splat(3.2856318284757435e-4));
  q = f32x4.add(f32x4.mul(q, u), f32x4.splat(2.5876976549625397e-2));
  q = f32x4.add(f32x4.mul(q, u), f32x4.splat(0.46714338660240173));
  q = f32x4.add(f32x4.mul(q, u), f32x4.splat(1));
  return f32x4.max(f32x4.min(f32x4.div(p, q), f32x4.splat(1)), f32x4.splat(-1));
}

/** e^x in f64 for x in [-700, 700] (clamped): x = n ln 2 + r, Taylor to r^12 (relative error < 1e-15). */
export function exp(value: f64): f64 {
  const x = value > 700 ? 700 : value < -700 ? -700 : value;
  const n = Math.floor(x * 1.4426950408889634 + 0.5);
  const r = (x - n * 6.93147180369123816490e-1) - n * 1.90821492927058770002e-10;
  let p = 1 / 479001600.0;
  p = p * r + 1 / 39916800.0;
  p = p * r + 1 / 3628800.0;
  p = p * r + 1 / 362880.0;
  p = p * r + 1 / 40320.0;
  p = p * r + 1 / 5040.0;
  p = p * r + 1 / 720.0;
  p = p * r + 1 / 120.0;
  p = p * r + 1 / 24.0;
  p = p * r + 1 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * reinterpret<f64>((<i64>n + 1023) << 52);
}

/** Natural logarithm in f64 of a normal positive number: mantissa in [sqrt 1/2, sqrt 2), 2 atanh((m-1)/(m+1)). */
export function log(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let e = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m = m * 0.5;
    e = e + 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p = 1 / 21.0;
  p = p * z + 1 / 19.0;
  p = p * z + 1 / 17.0;
  p = p * z + 1 / 15.0;
  p = p * z + 1 / 13.0;
  p = p * z + 1 / 11.0;
  p = p * z + 1 / 9.0;
  p = p * z + 1 / 7.0;
  p = p * z + 0.2;
  p = p * z + 1 / 3.0;
  p = p * z + 1;
  return 2 * s * p + <f64>e * 0.6931471805599453;
}

/**
 * tanh, exp and log with nothing but + - * / and comparisons, operation for operation what `assembly/functions.ts`
 * does, so both give the same bits. The engine's own Math functions may differ between versions and machines.
 */
const f = Math.fround;

const bits = new DataView(new ArrayBuffer(8));

/** tanh in f32 arithmetic, |error| < 4e-7, within [-1, 1]. NaN stays NaN. */
export function tanh32(value: number): number {
  if (Number.isNaN(value)) return NaN;
  const x = Math.max(Math.min(value, 9), -9);
  const u = f(x * x);
  let p = f(f(f(1.3354616967831134e-8) * u) + f(2.0609051716746762e-5));
  p = f(f(p * u) + f(3.4955863375216722e-3));
  p = f(f(p * u) + f(0.13381023705005646));
  p = f(f(f(p * u) + 1) * x);
  let q = f(f(f(7.776540087434114e-7) * u) + f(3.2856318284757435e-4));
  q = f(f(q * u) + f(2.5876976549625397e-2));
  q = f(f(q * u) + f(0.46714338660240173));
  q = f(f(q * u) + 1);
  return Math.max(Math.min(f(p / q), 1), -1);
}

const EXP = [
  1 / 479001600,
  1 / 39916800,
  1 / 3628800,
  1 / 362880,
  1 / 40320,
  1 / 5040,
  1 / 720,
  1 / 120,
  1 / 24,
  1 / 6,
  0.5,
  1,
  1,
];

/** e^x in f64, relative error < 1e-15; x is clamped to [-700, 700]. */
export function exp64(value: number): number {
  const x = value > 700 ? 700 : value < -700 ? -700 : value;
  const n = Math.floor(x * 1.4426950408889634 + 0.5);
  const r = (x - n * 6.9314718036912381649e-1) - n * 1.90821492927058770002e-10;
  let p = EXP[0]!;
  for (let i = 1; i < EXP.length; i++) p = p * r + EXP[i]!;
  bits.setUint32(0, (n + 1023) << 20);
  bits.setUint32(4, 0);
  return p * bits.getFloat64(0);
}

const LOG = [1 / 21, 1 / 19, 1 / 17, 1 / 15, 1 / 13, 1 / 11, 1 / 9, 1 / 7, 0.2, 1 / 3, 1];

/** Natural logarithm in f64 of a normal positive number, relative error < 1e-15 away from 1. */
export function log64(x: number): number {
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  let e = (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > 1.4142135623730951) {
    m = m * 0.5;
    e = e + 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p = LOG[0]!;
  for (let i = 1; i < LOG.length; i++) p = p * z + LOG[i]!;
  return 2 * s * p + e * 0.6931471805599453;
}

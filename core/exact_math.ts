/**
 * exp, log, tanh, powers and a cosine whose last bit is the same on every machine.
 *
 * ECMAScript fixes +, -, * and / to the IEEE 754 binary64 result, each rounded by itself: no wider intermediates, no
 * fused operations. It leaves Math.exp, log, pow (and `**`), tanh, sin and cos to the implementation ("implementation
 * approximated", ECMA-262 21.3.2), and engines have changed them between versions and platforms. A decision that is to be
 * replayed elsewhere must not depend on that, so the decision path uses these, made of the fixed operations only.
 * (Math.sqrt is left to the implementation too, but is the processor's correctly rounded instruction wherever this runs;
 * `arithmeticFingerprint()` covers it.)
 *
 * Method and coefficients of exp and log: fdlibm 5.3 (Sun Microsystems, 1993; e_exp.c and e_log.c).
 */

const LN2_HIGH = 6.93147180369123816490e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const LN2 = 0.6931471805599453;
const ONE_OVER_LN2 = 1.4426950408889634;
/** Above it exp overflows, below the other it is zero. */
const EXP_MAX = 709.782712893384;
const EXP_MIN = -745.1332191019411;
/** 2^-28: below it the square of x is lost in 1 + x. */
const TINY = 3.725290298461914e-9;

const P1 = 1.66666666666666019037e-1;
const P2 = -2.77777777770155933842e-3;
const P3 = 6.61375632143793436117e-5;
const P4 = -1.65339022054652515390e-6;
const P5 = 4.13813679705723846039e-8;

const L1 = 6.666666666666735130e-1;
const L2 = 3.999999999940941908e-1;
const L3 = 2.857142874366239149e-1;
const L4 = 2.222219843214978396e-1;
const L5 = 1.818357216161805012e-1;
const L6 = 1.531383769920937332e-1;
const L7 = 1.479819860511658591e-1;

const TWO_54 = 18_014_398_509_481_984;
const SQRT_HALF = 0.7071067811865476;

/** Powers of two from 2^-1074 to 2^1023, by halving and doubling: each step is exact. */
const POWERS = new Float64Array(2098);
for (let k = 0, up = 1; k <= 1023; k++, up *= 2) POWERS[k + 1074] = up;
for (let k = -1, down = 0.5; k >= -1074; k--, down /= 2) POWERS[k + 1074] = down;

const scratch = new DataView(new ArrayBuffer(8));

/** x * 2^k without a double rounding on the way, for x near 1. */
function scale(x: number, k: number): number {
  if (k > 1023) return x * POWERS[2097]! * POWERS[k - 1023 + 1074]!;
  if (k < -1021) return x * POWERS[k + 54 + 1074]! / TWO_54;
  return x * POWERS[k + 1074]!;
}

/** e^x. */
export function exp(x: number): number {
  if (x !== x) return NaN;
  if (x > EXP_MAX) return Infinity;
  if (x < EXP_MIN) return 0;
  if (x < TINY && x > -TINY) return 1 + x;
  let k = 0;
  let high = x;
  let low = 0;
  if (x > 0.5 * LN2 || x < -0.5 * LN2) {
    k = Math.floor(x * ONE_OVER_LN2 + 0.5);
    high = x - k * LN2_HIGH;
    low = k * LN2_LOW;
  }
  const r = high - low;
  const t = r * r;
  const c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))));
  if (k === 0) return 1 - (r * c / (c - 2) - r);
  return scale(1 - (low - r * c / (2 - c) - high), k);
}

/** Natural logarithm: NaN below 0, -Infinity at 0. */
export function log(x: number): number {
  if (x !== x || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return Infinity;
  let k = 0;
  let m = x;
  if (x < 2.2250738585072014e-308) {
    m = x * TWO_54;
    k = -54;
  }
  scratch.setFloat64(0, m);
  const head = scratch.getUint32(0);
  k += (head >>> 20) - 1023;
  scratch.setUint32(0, (head & 0x000f_ffff) | 0x3ff0_0000);
  m = scratch.getFloat64(0);
  // The reduced argument lies in sqrt(1/2)..sqrt(2), where the series is shortest.
  if (m > 2 * SQRT_HALF) {
    m *= 0.5;
    k++;
  }
  const f = m - 1;
  if (f === 0) return k === 0 ? 0 : k * LN2_HIGH + k * LN2_LOW;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const r = z * (L1 + w * (L3 + w * (L5 + w * L7))) + w * (L2 + w * (L4 + w * L6));
  const half = 0.5 * f * f;
  return k * LN2_HIGH - (half - (s * (half + r) + k * LN2_LOW) - f);
}

/** 0.5^x for any x: what is left after `x` half-lives. */
export const halfPower = (x: number): number => exp(-x * LN2);

/** x^n for a whole n >= 0, by repeated multiplication from the left; NaN for another n. */
export function wholePower(x: number, n: number): number {
  if (!(n >= 0) || n !== Math.floor(n)) return NaN;
  let product = 1;
  for (let i = 0; i < n; i++) product *= x;
  return product;
}

/** Hyperbolic tangent, within three units in the last place. */
export function tanh(x: number): number {
  if (x !== x) return NaN;
  const size = Math.abs(x);
  if (size > 22) return x > 0 ? 1 : -1;
  // Near zero 1 - e^-2x loses its digits; the continued fraction (Lambert 1761) converges within a few terms there.
  if (size < 0.5) {
    const z = x * x;
    return x / (1 + z / (3 + z / (5 + z / (7 + z / (9 + z / (11 + z / (13 + z / 15)))))));
  }
  const e = exp(-2 * size);
  const y = (1 - e) / (1 + e);
  return x > 0 ? y : -y;
}

/** Cosine of `turns` whole turns (2 pi x), exact in its reduction: a quarter turn gives 0 itself. */
export function cosTurns(turns: number): number {
  let part = turns - Math.floor(turns);
  if (part > 0.5) part = 1 - part;
  const negative = part > 0.25;
  if (negative) part = 0.5 - part;
  const value = part > 0.125 ? sine((0.25 - part) * TWO_PI) : cosine(part * TWO_PI);
  return negative ? -value : value;
}

const TWO_PI = 6.283185307179586;

/** Taylor series up to x^17 and x^18: below a unit in the last place for |x| <= pi/4. */
function sine(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let n = 16; n >= 2; n -= 2) sum = 1 - sum * z / (n * (n + 1));
  return x * sum;
}

function cosine(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let n = 18; n >= 2; n -= 2) sum = 1 - sum * z / (n * (n - 1));
  return sum;
}

/**
 * Sixteen hex digits over results of everything above, of Math.sqrt and of plain arithmetic: two machines that
 * print the same text compute decisions from the same doubles. Costs microseconds.
 */
export function arithmeticFingerprint(): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  const take = (value: number) => {
    scratch.setFloat64(0, value);
    a = Math.imul(a ^ scratch.getUint32(0), 0x01000193) >>> 0;
    b = Math.imul(b ^ scratch.getUint32(4), 0x85ebca6b) >>> 0;
    a = (a ^ (b >>> 15)) >>> 0;
    b = (b ^ (a >>> 13)) >>> 0;
  };
  // Arguments made of exact steps, so that they are the same doubles everywhere.
  for (let i = 1; i <= 256; i++) {
    const x = i * 0.03125 + i * i / 65_536;
    take(exp(x));
    take(exp(-x * 3));
    take(log(x));
    take(log(1 + x / 4096));
    take(tanh(x - 4));
    take(halfPower(x));
    take(wholePower(x, 3));
    take(cosTurns(x / 9));
    take(Math.sqrt(x / 3));
    take(x * (1 / 3) - x / 3 + x * 0.1);
  }
  return a.toString(16).padStart(8, "0") + b.toString(16).padStart(8, "0");
}

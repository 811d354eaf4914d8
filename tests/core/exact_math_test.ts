/** The decision path's arithmetic, bit by bit: a machine or an engine that computes otherwise fails here. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  arithmeticFingerprint,
  cosTurns,
  exp,
  halfPower,
  log,
  tanh,
  wholePower,
} from "../../core/exact_math.ts";
import { normalCdf } from "../../core/market/fair_value.ts";
import { nextGaussian, seededRandom } from "../../core/random.ts";
import { ROOT } from "../cli/harness.ts";

function hex(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** Doubles between two values of one sign. */
function steps(a: number, b: number): number {
  if (a === b) return 0;
  const view = new DataView(new ArrayBuffer(16));
  view.setFloat64(0, a);
  view.setFloat64(8, b);
  return Math.abs(Number(view.getBigInt64(0) - view.getBigInt64(8)));
}

const GOLDEN: readonly (readonly [string, number, string])[] = [
  ["exp(1)", exp(1), "4005bf0a8b14576a"],
  ["exp(-0.0017)", exp(-0.0017), "3feff215dec9e4c2"],
  ["exp(0.5)", exp(0.5), "3ffa61298e1e069c"],
  ["exp(-37.25)", exp(-37.25), "3c93278bcd70e981"],
  ["exp(-740)", exp(-740), "0000000000000055"],
  ["exp(700)", exp(700), "7f0d945df4f8ec8e"],
  ["exp(1e-9)", exp(1e-9), "3ff000000044b830"],
  ["log(0.9)", log(0.9), "bfbaf8e8210a415c"],
  ["log(0.7)", log(0.7), "bfd6d3c324e13f50"],
  ["log(2)", log(2), "3fe62e42fefa39ef"],
  ["log(100000.37)", log(100000.37), "4027069ea6c95d59"],
  ["log(1.0000001)", log(1.0000001), "3e7ad7f2847b6492"],
  ["log(5e-324)", log(5e-324), "c0874385446d71c3"],
  ["tanh(0.1)", tanh(0.1), "3fb983d7795f413a"],
  ["tanh(-0.49)", tanh(-0.49), "bfdd11e1cceb4508"],
  ["tanh(0.75)", tanh(0.75), "3fe45323e552f228"],
  ["tanh(-3)", tanh(-3), "bfefd77d111a0b01"],
  ["halfPower(1 / 3)", halfPower(1 / 3), "3fe965fea53d6e3d"],
  ["halfPower(12.5)", halfPower(12.5), "3f26a09e667f3bcb"],
  ["wholePower(0.2499, 2)", wholePower(0.2499, 2), "3faff9729d2b7479"],
  ["cosTurns(0.1)", cosTurns(0.1), "3fe9e3779b97f4a8"],
  ["cosTurns(0.37)", cosTurns(0.37), "bfe5e7cf55112013"],
  ["cosTurns(0.249999)", cosTurns(0.249999), "3eda5a84d37fd2d0"],
  ["cosTurns(0.9)", cosTurns(0.9), "3fe9e3779b97f4a8"],
  ["Math.sqrt(2)", Math.sqrt(2), "3ff6a09e667f3bcd"],
  ["Math.sqrt(1 / 3)", Math.sqrt(1 / 3), "3fe279a74590331c"],
  ["normalCdf(0.3)", normalCdf(0.3), "3fe3c5ee261ccd77"],
  ["normalCdf(-2.7)", normalCdf(-2.7), "3f6c66c558ecbc22"],
  ["nextGaussian(seededRandom(42))", nextGaussian(seededRandom(42)), "bfdbab3d3ea25122"],
  ["0.1 + 0.2", 0.1 + 0.2, "3fd3333333333334"],
  ["1 / 3 * 3 - 0.7", 1 / 3 * 3 - 0.7, "3fd3333333333334"],
];

Deno.test("every function gives the recorded bits", () => {
  for (const [name, value, bits] of GOLDEN) assert.equal(hex(value), bits, name);
});

Deno.test("the fingerprint of this machine's arithmetic is the one sessions are recorded with", () => {
  assert.equal(arithmeticFingerprint(), "836e773228cbc2b3");
});

Deno.test("the functions are what their names say: a few last-place units from the platform's", () => {
  const wide = fc.double({ min: -700, max: 700, noNaN: true });
  fc.assert(fc.property(wide, (x) => steps(exp(x), Math.exp(x)) <= 2));
  fc.assert(fc.property(fc.double({ min: 1e-320, max: 1e300, noNaN: true }), (x) => {
    return steps(log(x), Math.log(x)) <= 2;
  }));
  fc.assert(fc.property(fc.double({ min: -30, max: 30, noNaN: true }), (x) => {
    return Math.sign(tanh(x)) === Math.sign(x) && steps(Math.abs(tanh(x)), Math.abs(Math.tanh(x))) <= 4;
  }));
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (x) => {
    return Math.abs(cosTurns(x) - Math.cos(2 * Math.PI * x)) < 2e-15;
  }));
  fc.assert(fc.property(fc.double({ min: 0, max: 100, noNaN: true }), (x) => {
    return Math.abs(halfPower(x) / 0.5 ** x - 1) < 1e-14;
  }));
});

Deno.test("the ends of the number line are exact", () => {
  assert.deepEqual([exp(0), exp(-Infinity), exp(Infinity), exp(-746), exp(710)], [
    1,
    0,
    Infinity,
    0,
    Infinity,
  ]);
  assert.deepEqual([log(1), log(0), log(Infinity), log(-1)], [0, -Infinity, Infinity, NaN]);
  assert.deepEqual([tanh(0), tanh(40), tanh(-40)], [0, 1, -1]);
  assert.deepEqual([cosTurns(0), cosTurns(0.25), cosTurns(0.5), cosTurns(1)], [1, 0, -1, 1]);
  assert.deepEqual([wholePower(3, 0), wholePower(3, 4), wholePower(2, 0.5), wholePower(2, -1)], [
    1,
    81,
    NaN,
    NaN,
  ]);
  for (const f of [exp, log, tanh, halfPower, cosTurns]) assert.ok(Number.isNaN(f(NaN)));
  assert.equal(hex(exp(-740)), hex(Math.exp(-740)), "below the normal numbers");
});

Deno.test("the decision path calls no function whose last bit is the platform's", async () => {
  const loose =
    /Math\.(exp|expm1|log|log1p|log2|log10|pow|tanh|sinh|cosh|sin|cos|tan|asin|acos|atan|atan2|cbrt|hypot|random|fround)\b|Date\.|performance\.|localeCompare|toLocale|Intl\./;
  const files = ["engine.ts", "session.ts", "random.ts", "exact_math.ts", "units.ts"];
  for (const room of ["exchange", "features", "market", "orders", "policy", "risk"]) {
    for await (const entry of Deno.readDir(`${ROOT}core/${room}`)) files.push(`${room}/${entry.name}`);
  }
  const found: string[] = [];
  for (const file of files.filter((name) => name.endsWith(".ts"))) {
    const code = (await Deno.readTextFile(`${ROOT}core/${file}`)).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    code.split("\n").forEach((line, i) => {
      if (loose.test(line)) found.push(`core/${file}:${i + 1} ${line.trim()}`);
      // Powers of literals and of big integers are exact; of doubles they are not.
      for (const power of line.matchAll(/(\S+) \*\* (\S+)/g)) {
        const exact = power[1]!.match(/^\(?2$/) !== null || /\d+n$|BigInt|exponent|curve/.test(power[0]);
        if (!exact) found.push(`core/${file}:${i + 1} ${line.trim()}`);
      }
    });
  }
  assert.deepEqual(found, []);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { fairUp, type FairValueInput, normalCdf } from "../../../core/market/fair_value.ts";
import { nextGaussian, seededRandom } from "../../../core/random.ts";

const fair = (changes: Partial<FairValueInput> = {}): number =>
  fairUp({
    spot: 100_000,
    ageS: 0,
    strike: 100_000,
    secondsLeft: 150,
    volPerSqrtSecond: 5e-5,
    averagingSeconds: 60,
    fixedMean: NaN,
    fixedSeconds: 0,
    ...changes,
  });

const near = (actual: number, expected: number, tolerance: number, what = ""): void =>
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what} ${actual} is not ${expected} within ${tolerance}`,
  );

Deno.test("normalCdf() gives tabulated values, sums to one with its mirror, and stays inside 0..1", () => {
  const table: [number, number][] = [
    [0, 0.5],
    [1, 0.841344746068543],
    [-1.959963984540054, 0.025],
    [2.5758293035489, 0.995],
    [-6, 9.865876450377e-10],
  ];
  for (const [z, expected] of table) near(normalCdf(z), expected, 1.5e-7 * Math.max(expected, 1e-3), `${z}`);
  for (let z = -40; z <= 40; z += 0.25) {
    const value = normalCdf(z);
    assert.ok(value >= 0 && value <= 1);
    near(value + normalCdf(-z), 1, 2e-7);
  }
  assert.equal(normalCdf(Infinity), 1);
  assert.equal(normalCdf(-Infinity), 0);
});

Deno.test("without time or without volatility the answer is the sign, and a tie is Up", () => {
  for (const averagingSeconds of [0, 60]) {
    const spotted = { averagingSeconds, fixedSeconds: averagingSeconds };
    for (const [price, expected] of [[100_001, 1], [99_999, 0], [100_000, 1]] as const) {
      assert.equal(fair({ ...spotted, secondsLeft: 0, spot: price, fixedMean: price }), expected, "t = 0");
      assert.equal(
        fair({ ...spotted, volPerSqrtSecond: 0, spot: price, fixedMean: price }),
        expected,
        "sigma = 0",
      );
    }
    assert.equal(
      fair({ ...spotted, secondsLeft: -5, spot: 99_999, fixedMean: 100_001 }),
      averagingSeconds > 0 ? 1 : 0,
    );
  }
});

Deno.test("as time or volatility shrinks the value goes to the sign, as it grows to one half", () => {
  near(fair({ averagingSeconds: 0, secondsLeft: 1e-9, spot: 100_010 }), 1, 1e-9);
  near(fair({ volPerSqrtSecond: 1e-12, spot: 99_990 }), 0, 1e-9);
  near(fair({ secondsLeft: 1e9, spot: 100_010 }), 0.5, 1e-3);
  near(fair({ volPerSqrtSecond: 1e6, spot: 100_010 }), 0.5, 1e-3);
});

Deno.test("a plain digital gives the hand-computed normal probability", () => {
  // sigma = 5e-5 x 100000 = 5 $/sqrt(s); 100 s left: 50 $; 50 $ above the strike is one standard deviation.
  near(fair({ averagingSeconds: 0, secondsLeft: 100, strike: 99_950 }), 0.8413447, 1e-6);
  // An average over the last 60 s, 140 s left: variance 25 x (80 + 20), again 50 $.
  near(fair({ secondsLeft: 140, strike: 99_950 }), 0.8413447, 1e-6);
});

const bounded = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const scenario = fc.record({
  spot: bounded(90_000, 110_000),
  ageS: bounded(0, 5),
  secondsLeft: bounded(0, 300),
  volPerSqrtSecond: bounded(1e-6, 1e-3),
  averagingSeconds: fc.constantFrom(0, 30, 60),
  fixedMean: bounded(90_000, 110_000),
  fixedSeconds: bounded(0, 60),
});

Deno.test("the value is a probability, falls with the strike and rises with the fixed part", () => {
  fc.assert(fc.property(scenario, bounded(0, 500), (input, step) => {
    const value = fair(input);
    assert.ok(value >= 0 && value <= 1);
    assert.ok(fair({ ...input, strike: 100_000 + step }) <= value + 1e-12);
    assert.ok(fair({ ...input, fixedMean: input.fixedMean + step }) >= value - 1e-12);
  }));
});

Deno.test("the value never falls as the spot rises while the volatility in dollars stays the same", () => {
  fc.assert(fc.property(scenario, bounded(0, 1000), (input, step) => {
    const higher = input.spot + step;
    const volPerSqrtSecond = input.volPerSqrtSecond * input.spot / higher;
    assert.ok(fair({ ...input, spot: higher, volPerSqrtSecond }) >= fair(input) - 1e-9);
  }));
});

Deno.test("above the strike by a distance is as likely Up as below by it is likely Down", () => {
  fc.assert(fc.property(scenario, bounded(1, 300), (input, distance) => {
    const side = (sign: number) => {
      const spot = 100_000 + sign * distance;
      const volPerSqrtSecond = input.volPerSqrtSecond * 100_000 / spot;
      return fair({ ...input, spot, volPerSqrtSecond, fixedMean: spot });
    };
    near(side(1) + side(-1), 1, 1e-6);
  }));
});

Deno.test("the value is continuous where the averaging window begins", () => {
  fc.assert(fc.property(scenario, bounded(-200, 200), (input, distance) => {
    const at = (secondsLeft: number) => {
      const fixedSeconds = Math.max(0, 60 - secondsLeft);
      const strike = input.spot - distance;
      return fair({
        ...input,
        averagingSeconds: 60,
        secondsLeft,
        strike,
        fixedMean: input.spot,
        fixedSeconds,
      });
    };
    near(at(60 - 1e-7), at(60 + 1e-7), 1e-4);
  }));
});

Deno.test("an old price is less certain: staleness moves the value towards one half, never past it", () => {
  fc.assert(fc.property(scenario, bounded(0.1, 20), bounded(-300, 300), (input, older, distance) => {
    const base = { ...input, fixedSeconds: 0, strike: input.spot - distance };
    const [fresh, stale] = [fair(base), fair({ ...base, ageS: input.ageS + older })];
    assert.ok(Math.abs(stale - 0.5) <= Math.abs(fresh - 0.5) + 1e-7);
    assert.ok((stale - 0.5) * (fresh - 0.5) >= -1e-7);
  }));
  assert.ok(fair({ strike: 99_950, ageS: 5 }) < fair({ strike: 99_950 }) - 0.001);
});

Deno.test("a missing input is NaN, not a guess", () => {
  for (const key of ["spot", "strike", "volPerSqrtSecond", "ageS"] as const) {
    assert.equal(fair({ [key]: NaN }), NaN, key);
  }
  assert.equal(fair({ spot: 0 }), NaN);
  assert.equal(fair({ strike: -1 }), NaN);
});

/** Share of simulated paths whose average over the last 60 s ends at or above the strike. */
function simulate(
  spot: number,
  strike: number,
  secondsLeft: number,
  fixedMean: number,
  seed: number,
): number {
  const random = seededRandom(seed);
  const [paths, stepS, dollarsPerSqrtS] = [8000, 0.5, 5];
  const steps = secondsLeft / stepS;
  const averaged = Math.min(steps, 60 / stepS);
  const fixedWeight = Math.max(0, 60 - secondsLeft) / 60;
  let ups = 0;
  for (let i = 0; i < paths; i++) {
    let price = spot;
    let sum = 0;
    for (let k = 0; k < steps; k++) {
      const before = price;
      price += dollarsPerSqrtS * Math.sqrt(stepS) * nextGaussian(random);
      // The mean over a step is that of its ends: a mid-point rule keeps the discretisation error small.
      if (k >= steps - averaged) sum += (before + price) / 2;
    }
    const average = fixedWeight * (fixedWeight > 0 ? fixedMean : 0) + (1 - fixedWeight) * sum / averaged;
    if (average >= strike) ups++;
  }
  return ups / paths;
}

Deno.test("the closed form agrees with a seeded Monte Carlo, ahead of and inside the averaging window", () => {
  const cases = [
    { secondsLeft: 90, strike: 99_980, fixedMean: NaN },
    { secondsLeft: 60, strike: 100_015, fixedMean: NaN },
    { secondsLeft: 40, strike: 99_990, fixedMean: 99_975 },
    { secondsLeft: 20, strike: 100_000, fixedMean: 100_008 },
    { secondsLeft: 20, strike: 100_000, fixedMean: 99_996 },
    { secondsLeft: 5, strike: 100_010, fixedMean: 100_010.5 },
  ];
  for (const [i, { secondsLeft, strike, fixedMean }] of cases.entries()) {
    const fixedSeconds = Math.max(0, 60 - secondsLeft);
    const exact = fair({ secondsLeft, strike, fixedMean, fixedSeconds });
    // Three standard errors of 8000 paths are 0.017.
    near(exact, simulate(100_000, strike, secondsLeft, fixedMean, 100 + i), 0.018, JSON.stringify(cases[i]));
  }
});

Deno.test("seconds that should be fixed but were never seen count at today's price with their uncertainty", () => {
  const base = { secondsLeft: 20, strike: 99_990, fixedMean: 100_000 };
  const known = fair({ ...base, fixedSeconds: 40 });
  const half = fair({ ...base, fixedSeconds: 20 });
  const none = fair({ ...base, fixedMean: NaN, fixedSeconds: 0 });
  assert.ok(known > half && half > none && none > 0.5);
  assert.equal(fair({ ...base, fixedSeconds: 60 }), known, "more than has passed cannot be fixed");
});

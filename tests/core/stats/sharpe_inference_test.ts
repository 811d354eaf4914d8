import assert from "node:assert/strict";
import { nextGaussian, seededRandom } from "../../../core/random.ts";
import {
  deflate,
  estimateSharpe,
  expectedMaxSharpe,
  normalQuantile,
  probabilisticSharpe,
} from "../../../core/stats/sharpe_inference.ts";

Deno.test("the worked example of the paper: 100 trials turn a yearly ratio of 2.5 into a chance of 0.90", () => {
  // Bailey and Lopez de Prado 2014: 5 years of days, skewness -3, kurtosis 10, scatter of trials 1/2 a year.
  const sharpe = 2.5 / Math.sqrt(250);
  const benchmark = expectedMaxSharpe(100, Math.sqrt(0.5 / 250));
  assert.equal(benchmark.toFixed(4), "0.1132");
  const variance = 1 + 3 * sharpe + (10 - 1) / 4 * sharpe ** 2;
  const estimate = {
    ...{ n: 1250, sharpe, skewness: -3, kurtosis: 10 },
    standardError: Math.sqrt(variance / 1249),
    ci95: [0, 0] as const,
  };
  assert.equal(probabilisticSharpe(estimate, benchmark).toFixed(3), "0.900");
});

Deno.test("estimateSharpe() gives the moments worked out by hand", () => {
  // 1, 1, 1, 5: mean 2, sample deviation 2, m2 3, m3 6, m4 21.
  const estimate = estimateSharpe([1, 1, 1, 5])!;
  assert.equal(estimate.sharpe, 1);
  assert.equal(estimate.skewness.toFixed(6), (6 / 3 ** 1.5).toFixed(6));
  assert.equal(estimate.kurtosis.toFixed(6), (21 / 9).toFixed(6));
  assert.equal(
    estimate.standardError.toFixed(6),
    Math.sqrt((1 - 6 / 3 ** 1.5 + (21 / 9 - 1) / 4) / 3).toFixed(6),
  );
  assert.equal(estimateSharpe([1, 2]), null);
  assert.equal(estimateSharpe([3, 3, 3, 3]), null);
});

Deno.test("the interval of a Sharpe ratio covers the truth in about 95 % of samples", () => {
  const random = seededRandom(5);
  let covered = 0;
  for (let i = 0; i < 400; i++) {
    const values = Array.from({ length: 120 }, () => 0.2 + nextGaussian(random));
    const { ci95 } = estimateSharpe(values)!;
    if (ci95[0] <= 0.2 && ci95[1] >= 0.2) covered++;
  }
  assert.ok(covered > 365 && covered < 395, String(covered));
});

Deno.test("normalQuantile() is the inverse, to the seven digits of the distribution", () => {
  for (const [p, z] of [[0.5, 0], [0.975, 1.959964], [0.99, 2.326348], [0.001, -3.090232]] as const) {
    assert.ok(Math.abs(normalQuantile(p) - z) < 1e-5, `${p}`);
  }
});

Deno.test("more trials never make a result more believable, and one trial is deflated by nothing", () => {
  const estimate = estimateSharpe(Array.from({ length: 200 }, (_, i) => (i % 3) - 0.8))!;
  const chances = [1, 2, 10, 100, 1000].map((trials) => deflate(estimate, trials, []).dsr);
  assert.equal(chances[0], deflate(estimate, 1, []).psr);
  for (let i = 1; i < chances.length; i++) assert.ok(chances[i]! < chances[i - 1]!);
  // Trials that all did the same must not lower the bar below what chance gives.
  assert.equal(deflate(estimate, 10, [0.1, 0.1, 0.1]).benchmark, deflate(estimate, 10, []).benchmark);
  assert.ok(deflate(estimate, 10, [-1, 1]).benchmark > deflate(estimate, 10, []).benchmark);
});

import assert from "node:assert/strict";
import { parseRule, publishedRule, type RuleEvidence } from "../../../feeds/polymarket/rule.ts";

const NOW = Date.UTC(2026, 10, 21);
const market = { asset: "btc", duration: "5m", startMs: NOW } as const;
const config = { asset: "btc", duration: "5m", twapEnabled: true, twapLookbackSeconds: 60 };
const source = "https://data.chain.link/streams/btc-usd-twap-60s-streams";
const twap60 = { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" };
const spot = { kind: "spot", oracle: "chainlink", tie: "up" };
const kindOf = (evidence: RuleEvidence, of: Parameters<typeof parseRule>[1] = market) =>
  parseRule(evidence, of).kind;

Deno.test("configuration, source or description each say the 60 s average, alone and together", () => {
  const description =
    'This market resolves to "Up" if the time-weighted average price at the end of the range is greater than or equal to ' +
    `the one at its beginning. The source is Chainlink, ${source}.`;
  for (const evidence of [{ config }, { resolutionSource: source }, { description }]) {
    assert.deepEqual(parseRule(evidence, market), twap60);
  }
  assert.deepEqual(parseRule({ config, resolutionSource: source, description }, market), twap60);
});

Deno.test("a 30 s average is read as one", () => {
  const rule = parseRule({ config: { ...config, twapLookbackSeconds: 30 } }, market);
  assert.deepEqual(rule, { ...twap60, averagingSeconds: 30 });
});

Deno.test("unknown text is an unknown rule that quotes it", () => {
  const rule = parseRule({ description: "Resolved by a panel of experts." }, market);
  assert.ok(rule.kind === "unknown" && rule.text.includes("panel of experts"));
  assert.equal(kindOf({}), "unknown");
  assert.equal(kindOf({ resolutionSource: "https://www.binance.com/en/trade/BTC_USDT" }), "unknown");
});

Deno.test("evidence that disagrees, or speaks of another market, is unknown", () => {
  assert.equal(
    kindOf({ config: { ...config, twapLookbackSeconds: 30 }, resolutionSource: source }),
    "unknown",
  );
  assert.equal(kindOf({ config: { ...config, asset: "eth" } }), "unknown");
  assert.equal(kindOf({ config: { ...config, duration: "15m" } }), "unknown");
  assert.equal(kindOf({ resolutionSource: source.replace("btc", "eth") }), "unknown");
  assert.equal(kindOf({ config: { ...config, twapLookbackSeconds: undefined } }), "unknown");
  assert.equal(
    kindOf({ config, description: "Up if the price is strictly greater than at the start" }),
    "unknown",
  );
  const averaged = "greater than or equal to ... TWAP ... https://data.chain.link/streams/btc-usd";
  assert.equal(kindOf({ description: averaged }), "unknown");
});

Deno.test("a spot link is the rule before 2026-08-07, and needs the configuration's word after it", () => {
  const link = "https://data.chain.link/streams/btc-usd";
  const old = { ...market, startMs: Date.UTC(2026, 7, 6, 23, 55) };
  assert.deepEqual(parseRule({ resolutionSource: link }, old), spot);
  assert.equal(kindOf({ resolutionSource: link }), "unknown");
  assert.deepEqual(
    parseRule({ resolutionSource: link, config: { ...config, twapEnabled: false } }, market),
    spot,
  );
});

Deno.test("the published rule changes at the announced midnights", () => {
  const at = (month: number, day: number) => Date.UTC(2026, month - 1, day);
  assert.equal(publishedRule("5m", at(8, 7) - 1).kind, "spot");
  const seconds = (duration: "5m" | "15m", start: number) => {
    const rule = publishedRule(duration, start);
    return rule.kind === "twap" ? rule.averagingSeconds : null;
  };
  assert.deepEqual([seconds("5m", at(8, 7)), seconds("15m", at(8, 7))], [30, 60]);
  assert.deepEqual([seconds("5m", at(8, 14) - 1), seconds("5m", at(8, 14))], [30, 60]);
});

import assert from "node:assert/strict";
import type { OraclePriceEvent } from "../../../core/events.ts";
import type { Instrument, SettlementRule } from "../../../core/market/instrument.ts";
import { ms, type Price, type Shares } from "../../../core/units.ts";
import { StrikeResolver, type StrikeSources } from "../../../feeds/polymarket/strike.ts";
import { cryptoPriceUrl } from "../../../feeds/polymarket/strike_sources.ts";

const START = 1_795_253_700_000;
const twap: SettlementRule = { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" };
const instrument = (rule: SettlementRule = twap): Instrument => ({
  slug: "btc-updown-5m-1795253700",
  asset: "btc",
  duration: "5m",
  conditionId: "0xc",
  version: "v1",
  upToken: "1",
  downToken: "2",
  startMs: ms(START),
  endMs: ms(START + 300_000),
  tick: 100 as Price,
  minSize: 5_000_000 as Shares,
  fee: null,
  rule,
  negRisk: false,
  takerHoldMs: ms(0),
  tradable: true,
  reason: null,
  mirrorOf: null,
});
const print = (tExchange: number, more: Partial<OraclePriceEvent> = {}): OraclePriceEvent => ({
  type: "oraclePrice",
  asset: "btc",
  kind: "twap60",
  provider: "chainlink",
  value: 84561.5,
  exact: "84561.500000000000000001",
  tExchange: ms(tExchange),
  tReceive: ms(tExchange + 1500),
  ...more,
});
const sources = (
  answers: Partial<Record<keyof StrikeSources, string | null | Error>>,
  asked: string[] = [],
) => {
  const ask = (name: keyof StrikeSources) => () => {
    asked.push(name);
    const answer = answers[name] ?? null;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { cryptoPrice: ask("cryptoPrice"), previousFinal: ask("previousFinal"), gamma: ask("gamma") };
};
const after = (offset: number) => () => ms(START + offset);

Deno.test("the strike is the TWAP print whose own timestamp is the start, to the millisecond", () => {
  const resolver = new StrikeResolver();
  resolver.track(instrument(), ms(START - 1000));
  for (const at of [START - 1000, START + 1000, START + 300_000]) {
    assert.deepEqual(resolver.onPrint(print(at)), []);
  }
  const [strike] = resolver.onPrint(print(START));
  assert.ok(strike !== undefined);
  assert.deepEqual([strike.source, strike.exact, strike.basis], [
    "twap-print",
    "84561.500000000000000001",
    "chainlink",
  ]);
  assert.deepEqual([strike.tExchange, strike.tReceive], [START, START + 1500]);
  assert.equal(resolver.stateOf("0xc", ms(START + 2000)).kind, "known");
});

Deno.test("prints of another asset, provider or kind are nobody's strike", () => {
  const resolver = new StrikeResolver();
  resolver.track(instrument(), ms(START));
  for (const more of [{ asset: "eth" }, { provider: "pyth" }, { kind: "spot" }] as const) {
    assert.deepEqual(resolver.onPrint(print(START, more)), []);
  }
});

Deno.test("a spot rule takes the spot print, and only it", () => {
  const resolver = new StrikeResolver();
  resolver.track(instrument({ kind: "spot", oracle: "chainlink", tie: "up" }), ms(START));
  assert.deepEqual(resolver.onPrint(print(START)), []);
  assert.equal(resolver.onPrint(print(START, { kind: "spot" })).length, 1);
});

Deno.test("a window found after its start still gets the print that came before it", () => {
  const resolver = new StrikeResolver();
  resolver.onPrint(print(START));
  const strike = resolver.track(instrument(), ms(START + 60_000));
  assert.deepEqual([strike?.source, strike?.tReceive], ["twap-print", START + 60_000]);
  assert.equal(resolver.track(instrument(), ms(START + 61_000)), null, "tracking twice tells it once");
});

Deno.test("no print is a state of its own, and slower sources are asked only after the grace", () => {
  const resolver = new StrikeResolver();
  resolver.track(instrument(), ms(START - 5000));
  assert.equal(resolver.stateOf("0xc", ms(START + 1000)).kind, "waiting");
  assert.deepEqual(resolver.due(ms(START + 3999)), []);
  assert.equal(resolver.stateOf("0xc", ms(START + 4000)).kind, "none");
  assert.equal(resolver.due(ms(START + 4000)).length, 1);
  assert.deepEqual(resolver.due(ms(START + 5000)), [], "not asked again at once");
  assert.equal(resolver.due(ms(START + 9000)).length, 1);
  assert.deepEqual(resolver.due(ms(START + 300_000)), [], "an ended window is not asked for");
  const ended = resolver.stateOf("0xc", ms(START + 300_000));
  assert.ok(ended.kind === "none" && ended.reason.includes("ended"));
});

Deno.test("the chain goes crypto-price, previous final, Gamma, and the last two only when they can exist", async () => {
  const early: string[] = [];
  const resolver = new StrikeResolver();
  resolver.track(instrument(), ms(START));
  assert.equal(await resolver.poll(instrument(), sources({}, early), after(5000)), null);
  assert.deepEqual(early, ["cryptoPrice"]);
  const asked: string[] = [];
  const failed: string[] = [];
  const answers = { cryptoPrice: new Error("down"), previousFinal: null, gamma: "84560.25" };
  const strike = await resolver.poll(
    instrument(),
    sources(answers, asked),
    after(25_000),
    (s) => failed.push(s),
  );
  assert.deepEqual(asked, ["cryptoPrice", "previousFinal", "gamma"]);
  assert.deepEqual(failed, ["crypto-price"]);
  assert.deepEqual([strike?.source, strike?.value], ["gamma", 84560.25]);
  assert.deepEqual(resolver.due(ms(START + 60_000)), [], "known windows are left alone");
});

Deno.test("a better source replaces a worse one, never the other way", async () => {
  const resolver = new StrikeResolver();
  resolver.track(instrument(), ms(START));
  const first = await resolver.poll(instrument(), sources({ cryptoPrice: "84561.5" }), after(5000));
  assert.equal(first?.source, "crypto-price");
  assert.equal(resolver.onPrint(print(START))[0]?.source, "twap-print");
  assert.equal(await resolver.poll(instrument(), sources({ cryptoPrice: "1" }), after(9000)), null);
  const state = resolver.stateOf("0xc", ms(START + 10_000));
  assert.ok(state.kind === "known" && state.event.source === "twap-print");
});

Deno.test("an unknown rule has no strike and asks nobody", () => {
  const resolver = new StrikeResolver();
  resolver.track(instrument({ kind: "unknown", text: "?" }), ms(START));
  assert.deepEqual(resolver.due(ms(START + 30_000)), []);
  assert.equal(resolver.stateOf("0xc", ms(START)).kind, "none");
});

Deno.test("the helper's URL names the window, the variant and the average; 4h has no known variant", () => {
  const url = new URL(cryptoPriceUrl("https://polymarket.com", instrument())!);
  assert.equal(url.pathname, "/api/crypto/crypto-price");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    symbol: "BTC",
    eventStartTime: "2026-11-21T09:35:00Z",
    variant: "fiveminute",
    endDate: "2026-11-21T09:40:00Z",
    twapEnabled: "true",
    twapLookbackSeconds: "60",
  });
  assert.equal(cryptoPriceUrl("https://polymarket.com", { ...instrument(), duration: "4h" }), null);
});

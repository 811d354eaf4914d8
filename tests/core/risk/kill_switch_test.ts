import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkKill,
  DEFAULT_KILL_LIMITS as LIMITS,
  type KillFigures,
  newKillMeter,
  noteApiError,
  noteLatency,
} from "../../../core/risk/kill_switch.ts";
import type { Ms, Usdc } from "../../../core/units.ts";

const T0 = 1_700_000_000_000;
const figures = (more: Partial<KillFigures> = {}): KillFigures => ({
  at: T0 as Ms,
  apiErrors: null,
  unrealised: null,
  equity: null,
  ...more,
});
const codes = (meter: ReturnType<typeof newKillMeter>, more: Partial<KillFigures> = {}) =>
  checkKill(meter, LIMITS, figures(more)).map(({ code }) => code);

Deno.test("nothing known trips nothing", () => {
  assert.deepEqual(codes(newKillMeter()), []);
});

Deno.test("ten failed calls a minute are borne, the eleventh trips; a minute later they are forgotten", () => {
  const meter = newKillMeter();
  for (let i = 0; i < 10; i++) noteApiError(meter, LIMITS, (T0 + i) as Ms);
  assert.deepEqual(codes(meter, { at: (T0 + 100) as Ms }), []);
  noteApiError(meter, LIMITS, (T0 + 10) as Ms);
  const [trip] = checkKill(meter, LIMITS, figures({ at: (T0 + 100) as Ms }));
  assert.deepEqual([trip?.code, trip?.value, trip?.limit], ["KILL_API_ERRORS", 11, 10]);
  assert.deepEqual(codes(meter, { at: (T0 + 60_010) as Ms }), []);
});

Deno.test("failures that somebody else counted trip as well", () => {
  assert.deepEqual(codes(newKillMeter(), { apiErrors: 10 }), []);
  assert.deepEqual(codes(newKillMeter(), { apiErrors: 11 }), ["KILL_API_ERRORS"]);
});

Deno.test("one slow order is no trip, half of the last twenty is; fast ones heal it", () => {
  const meter = newKillMeter();
  for (let i = 0; i < 19; i++) noteLatency(meter, LIMITS, 40);
  noteLatency(meter, LIMITS, 9_000);
  assert.deepEqual(codes(meter), []);
  for (let i = 0; i < 10; i++) noteLatency(meter, LIMITS, 600);
  assert.deepEqual(codes(meter), ["KILL_LATENCY"]);
  for (let i = 0; i < 20; i++) noteLatency(meter, LIMITS, 500);
  assert.deepEqual(codes(meter), []);
});

Deno.test("too few orders are no evidence of latency", () => {
  const meter = newKillMeter();
  for (let i = 0; i < 19; i++) noteLatency(meter, LIMITS, 5_000);
  assert.deepEqual(codes(meter), []);
});

Deno.test("a loss of 200 pUSD on open positions trips, one millionth less does not", () => {
  assert.deepEqual(codes(newKillMeter(), { unrealised: -199_999_999 as Usdc }), []);
  assert.deepEqual(codes(newKillMeter(), { unrealised: -200_000_000 as Usdc }), ["KILL_UNREALISED_LOSS"]);
  assert.deepEqual(codes(newKillMeter(), { unrealised: 900_000_000 as Usdc }), []);
});

Deno.test("a tenth below the highest equity trips, wherever the session began", () => {
  const meter = newKillMeter();
  assert.deepEqual(codes(meter, { equity: 1_000_000_000 as Usdc }), []);
  assert.deepEqual(codes(meter, { equity: 2_000_000_000 as Usdc }), []);
  assert.deepEqual(codes(meter, { equity: 1_800_000_001 as Usdc }), []);
  assert.deepEqual(codes(meter, { equity: 1_800_000_000 as Usdc }), ["KILL_DRAWDOWN"]);
  assert.deepEqual(codes(newKillMeter(), { equity: 0 as Usdc }), []);
});

Deno.test("meters stay bounded whatever is noted", () => {
  fc.assert(fc.property(fc.array(fc.nat(120_000), { maxLength: 200 }), (gaps) => {
    const meter = newKillMeter();
    let at = T0;
    for (const gap of gaps) {
      at += gap;
      noteApiError(meter, LIMITS, at as Ms);
      noteLatency(meter, LIMITS, gap);
    }
    assert.ok(meter.errorsAtMs.length <= 11);
    assert.ok(meter.latenciesMs.length <= 20);
  }));
});

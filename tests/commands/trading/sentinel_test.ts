import assert from "node:assert/strict";
import { type Drift, VenueSentinel } from "../../../commands/trading/sentinel.ts";
import { rulesOf } from "../../../commands/trading/venue_rules.ts";
import type { WindowEvent } from "../../../core/events.ts";
import type { Instrument } from "../../../core/market/instrument.ts";
import type { Ms, Price, Shares } from "../../../core/units.ts";
import { eventRecord, parseEventRecord } from "../../../feeds/session/event_line.ts";
import { INSTRUMENT } from "../../feeds/gateway/stage.ts";

const BEFORE = (INSTRUMENT.startMs - 60_000) as Ms;
const listed = (change: Partial<Instrument> = {}, at: Ms = BEFORE): WindowEvent => ({
  type: "window",
  tExchange: at,
  tReceive: at,
  instrument: { ...INSTRUMENT, ...change },
});

function sentinel(accepted = rulesOf([INSTRUMENT])) {
  const told: Drift[] = [];
  const it = new VenueSentinel({ accepted, onDrift: (drift) => told.push(drift) });
  const judge = (event: WindowEvent): WindowEvent => it.judge([event])[0] as WindowEvent;
  return { it, told, judge };
}

Deno.test("a window as it was accepted passes untouched", () => {
  const { it, told } = sentinel();
  const events = [listed(), { ...listed({}, INSTRUMENT.startMs) }];
  assert.deepEqual(it.judge(events), events);
  const ticks = [{ type: "clock", tExchange: BEFORE, tReceive: BEFORE }] as const;
  assert.equal(it.judge(ticks), ticks);
  assert.deepEqual(told, []);
});

Deno.test("every rule that differs makes the window untradable and is named; again told only when it changes again", () => {
  const rows: [Partial<Instrument>, string][] = [
    [{ version: "v2" }, "btc-5m.version"],
    [{ fee: { ...INSTRUMENT.fee!, ratePpm: 80_000 } }, "btc-5m.fee"],
    [{ fee: null }, "btc-5m.fee"],
    [{ tick: 10 as Price }, "btc-5m.tick"],
    [{ minSize: 1_000_000 as Shares }, "btc-5m.minSize"],
    [{ rule: { kind: "spot", oracle: "chainlink", tie: "up" } }, "btc-5m.rule"],
    [{ takerHoldMs: 250 as Ms }, "btc-5m.takerHold"],
    [{ negRisk: true }, "btc-5m.negRisk"],
  ];
  for (const [change, name] of rows) {
    const { judge, told } = sentinel();
    const event = listed(change);
    const judged = judge(event);
    assert.deepEqual(judged.instrument, { ...event.instrument, tradable: false, reason: "VENUE_DRIFT" });
    judge(event);
    assert.deepEqual(told.map(({ changes }) => changes.map((one) => one.name)), [[name]]);
    const recorded = parseEventRecord(eventRecord(judged, false));
    assert.deepEqual(recorded?.event, judged, "a replay meets the same refusal");
  }
});

Deno.test("a finer tick of a window that runs is its price's doing, everything else is not", () => {
  const { judge, told } = sentinel();
  const running = (INSTRUMENT.startMs + 1) as Ms;
  assert.equal(judge(listed({ tick: 10 as Price }, running)).instrument.tradable, true);
  assert.equal(judge(listed({ takerHoldMs: 0 as Ms }, running)).instrument.tradable, false);
  assert.equal(told.length, 1);
});

Deno.test("a series that nobody has accepted is held to its first window", () => {
  const { judge, told } = sentinel({});
  const next = { slug: "btc-updown-5m-2", conditionId: "0xc1" };
  assert.equal(judge(listed()).instrument.tradable, true);
  assert.equal(judge(listed(next)).instrument.tradable, true);
  assert.equal(judge(listed({ ...next, minSize: 1 as Shares })).instrument.tradable, false);
  assert.equal(told[0]?.slug, "btc-updown-5m-2");
});

import assert from "node:assert/strict";
import type { OpenAccount } from "../../../commands/account.ts";
import { defaultConfig } from "../../../commands/config/schema.ts";
import type { CommandContext } from "../../../commands/command.ts";
import { KillWatch } from "../../../commands/trading/kill_watch.ts";
import type { LatencyMeter } from "../../../commands/trading/latency_meter.ts";
import { leftOf, LiveTrading, liveWarnings } from "../../../commands/trading/live_trading.ts";
import type { SessionRecorder } from "../../../commands/trading/recorder.ts";
import { VenueSentinel } from "../../../commands/trading/sentinel.ts";
import { DEFAULT_KILL_LIMITS } from "../../../core/risk/kill_switch.ts";
import type { Ms } from "../../../core/units.ts";
import { INSTRUMENT } from "../../feeds/gateway/stage.ts";
import type { Gateway, GatewayState, StartReport } from "../../../feeds/gateway/types.ts";

const NOW = 1_000 as Ms;
const quiet = () => {};

/** A live session before a gateway that stands like this, with an engine that holds nothing. */
function sessionBefore(state: GatewayState, code: string) {
  const tripped: string[] = [];
  const cancelled: string[] = [];
  const gateway: Partial<Gateway> = {
    state,
    tick: quiet,
    cancelWindow: (conditionId) => void cancelled.push(conditionId),
    refusal: () => ({ code, message: "why" }),
    trip: (reason) => Promise.resolve(void tripped.push(reason.code)),
  };
  const entry = { health: () => ({ errorsLastMinute: 0, latencyP50Ms: null, latencyP95Ms: null }) };
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const Open = LiveTrading as unknown as new (
    ctx: CommandContext,
    account: OpenAccount,
    gateway: Gateway,
    started: StartReport,
    watch: KillWatch,
    rehearsal: null,
  ) => LiveTrading;
  const live = new Open(
    { log, dataDir: "/nowhere", config: defaultConfig() } as unknown as CommandContext,
    {
      entry,
      venue: { clock: { now: () => NOW }, profile: { clob: "http://sim/clob" } },
    } as unknown as OpenAccount,
    gateway as Gateway,
    {} as StartReport,
    new KillWatch(DEFAULT_KILL_LIMITS, entry),
    null,
  );
  const portfolio = { positions: new Map(), cash: 0 };
  const engine = { portfolio, windows: new Map(), latch: null, external: 0, equity: () => 0 };
  live.bind(
    { engine, lastEventMs: 0, orderLog: {}, pump: quiet } as unknown as SessionRecorder,
    {} as LatencyMeter,
  );
  return { live, tripped, cancelled };
}

Deno.test("a gateway that broke ends the session and sets the latch, once", () => {
  for (const code of ["JOURNAL_BROKEN", "GATEWAY_BROKEN"]) {
    const { live, tripped } = sessionBefore("broken", code);
    assert.equal(live.hooks.tick?.(NOW), `${code}: why`);
    assert.equal(live.hooks.tick?.(NOW), `${code}: why`);
    assert.deepEqual([tripped, live.killed?.code], [[code], code]);
  }
});

Deno.test("a latch that somebody else set ends the session and is left as it is", () => {
  const { live, tripped } = sessionBefore("latched", "LATCHED");
  assert.equal(live.hooks.tick?.(NOW), "LATCHED: why");
  assert.deepEqual(tripped, []);
});

Deno.test("while all is well, or a resync holds orders back, the session goes on", () => {
  for (const state of ["running", "resyncing"] as const) {
    const { live, tripped } = sessionBefore(state, "RESYNCING");
    assert.equal(live.hooks.tick?.(NOW), null);
    assert.deepEqual([tripped, live.killed], [[], null]);
  }
});

/** A gateway whose wallet has these orders. */
const holding = (...states: string[]): Gateway => {
  const orders = states.map((state, i) =>
    [`0x${i}`, { state, disputed: false, terms: { hash: `0x${i}` } }] as const
  );
  return { wallet: { life: { orders: new Map(orders) } } } as unknown as Gateway;
};

Deno.test("a session that is cut off says what may be open, unless the venue has shown that nothing is", () => {
  const ended = { openAfter: [], proved: true, unsettled: [], unknown: [] };
  assert.equal(leftOf(holding("live"), ended), null);
  const cut = leftOf(holding("live", "filled", "unknown"), null);
  assert.deepEqual(cut?.data, { openAfter: null, mayBeOpen: ["0x0", "0x2"], proved: false });
  assert.match(cut?.message ?? "", /not proved .* 2 of ours may be \(0x0, 0x2\)\. Run: poly-edge cancel-all/);
  assert.match(leftOf(holding(), null)?.message ?? "", /none of ours is known to be/);
  assert.match(leftOf(holding(), { ...ended, proved: false })?.message ?? "", /not proved/);
  const six = { ...ended, proved: false, openAfter: ["a", "b", "c", "d", "e", "f"] };
  assert.match(leftOf(holding(), six)?.message ?? "", /6 of ours may be \(a, b, c, d, e, \.\.\.\)/);
  const warnings = (report: typeof ended | null) =>
    liveWarnings({
      ended: report,
      killed: null,
      gateway: holding("live"),
      sentinel: new VenueSentinel({ accepted: {}, onDrift: quiet }),
    }).map(({ code }) => code);
  assert.deepEqual([warnings(ended), warnings(null)], [[], ["OPEN_ORDERS_LEFT"]]);
});

Deno.test("a window that changes while orders of ours rest in it: they are taken back, it is refused, the result says so", () => {
  const { live, cancelled } = sessionBefore("running", "");
  const window = (takerHoldMs: number) => ({
    type: "window" as const,
    tExchange: NOW,
    tReceive: NOW,
    instrument: { ...INSTRUMENT, takerHoldMs: takerHoldMs as Ms },
  });
  assert.deepEqual(live.hooks.judge?.([window(150)]), [window(150)]);
  const [judged] = live.hooks.judge?.([window(250)]) ?? [];
  assert.ok(judged?.type === "window" && judged.instrument.reason === "VENUE_DRIFT");
  assert.deepEqual(cancelled, [INSTRUMENT.conditionId]);
  const { killed, sentinel } = live;
  const ended = { openAfter: [], proved: true, unsettled: [], unknown: [] };
  const [warning] = liveWarnings({ ended, killed, sentinel, gateway: holding() });
  assert.equal(warning?.code, "VENUE_DRIFT");
  assert.match(warning?.message ?? "", /btc-5m\.takerHold was "150 ms", is "250 ms"/);
});

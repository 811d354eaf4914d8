/** The parts without sockets. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Ms, ms } from "../../../core/units.ts";
import type { Clock } from "../../../feeds/clock.ts";
import { HttpError } from "../../../feeds/net/http.ts";
import { ExpectedActivity } from "../../../feeds/polymarket/expected_activity.ts";
import { fetchGeoblock } from "../../../feeds/polymarket/geoblock.ts";
import {
  newApiHealth,
  readHealth,
  recordError,
  recordLatency,
} from "../../../feeds/polymarket/order_entry/api_health.ts";
import { Gauge } from "../../../feeds/polymarket/order_entry/gauge.ts";
import { readPages } from "../../../feeds/polymarket/order_entry/paging.ts";
import {
  readApiKeys,
  readBalance,
  readHeartbeat,
  readListedOrder,
  readListedTrade,
} from "../../../feeds/polymarket/order_entry/read_codec.ts";
import {
  modeAt,
  NORMAL,
  observeMode,
  observeTaken,
} from "../../../feeds/polymarket/order_entry/venue_mode.ts";
import { hashesOf, readUserFrame } from "../../../feeds/polymarket/user_codec.ts";
import { userCloseAction } from "../../../feeds/polymarket/user_session.ts";
import { httpClient } from "../../../feeds/net/http.ts";

const AT = ms(1_795_000_000_000);
const about = (now: Ms, retryAfterMs: number | null = null) => ({ now, retryAfterMs, random: () => 0 });
const restart = { status: 425, body: { error: "service not ready" } };
const limited = { status: 429, body: "" };

Deno.test("a 429 does not shorten a restart, and an order taken late does not end a mode announced after it", () => {
  const down = observeMode(NORMAL, restart, about(AT, 90_000));
  assert.equal(observeMode(down, limited, about(AT, 1000)), down);
  assert.equal(observeTaken(down, AT), down);
  assert.equal(observeTaken(down, ms(AT + 90_000)), NORMAL);
  assert.equal(modeAt(down, ms(AT + 89_999)).mode, "restarting");
  assert.equal(modeAt(down, ms(AT + 90_000)).mode, "normal");
});

Deno.test("post-only takes its time from the body, then the header, then two minutes; a day is not believed", () => {
  const body = (seconds?: number) => ({
    error: "post-only mode: only post-only orders and cancels are allowed",
    code: "post_only_mode",
    ...(seconds === undefined ? {} : { retry_after_seconds: seconds }),
  });
  const until = (seconds: number | undefined, header: number | null) =>
    observeMode(NORMAL, { status: 503, body: body(seconds) }, about(AT, header)).state.until! - AT;
  assert.deepEqual([until(79, 5000), until(undefined, 5000), until(undefined, null), until(86_400, null)], [
    79_000,
    5000,
    120_000,
    600_000,
  ]);
});

Deno.test("an answer that announces nothing changes no mode, whatever it is", () => {
  fc.assert(fc.property(fc.integer({ min: 100, max: 599 }), fc.jsonValue(), (status, body) => {
    fc.pre(status !== 425 && status !== 429);
    const text = JSON.stringify(body);
    fc.pre(!/post.only|cancel-only|disabled/i.test(text));
    assert.equal(observeMode(NORMAL, { status, body }, about(AT)), NORMAL);
  }));
});

Deno.test("every mode ends by itself, however often it is announced", () => {
  const replies = fc.constantFrom(
    restart,
    limited,
    { status: 503, body: { error: "trading is disabled" } },
    { status: 503, body: { error: "Trading is currently cancel-only. New orders are not accepted" } },
    { status: 503, body: { code: "post_only_mode", retry_after_seconds: 79 } },
  );
  const steps = fc.array(fc.tuple(replies, fc.nat(200_000), fc.option(fc.nat(10_000_000))), {
    maxLength: 40,
  });
  fc.assert(fc.property(steps, (list) => {
    let memory = NORMAL;
    let now: number = AT;
    for (const [reply, byMs, header] of list) {
      now += byMs;
      memory = observeMode(memory, reply, about(ms(now), header));
    }
    assert.equal(modeAt(memory, ms(now + 600_000)).mode, "normal");
  }));
});

Deno.test("pages: whole lists come back whole, whatever their size; a listing never asks more than its bound", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(450), fc.integer({ min: 1, max: 5 }), async (count, maxPages) => {
      let asked = 0;
      const list = readPages({
        what: "rows",
        now: () => AT,
        maxPages,
        fetchPage(cursor) {
          asked++;
          const from = Number(atob(cursor));
          const next = from + 100 < count ? btoa(String(from + 100)) : "LTE=";
          const data = Array.from({ length: Math.min(100, count - from) }, (_, i) => `row ${from + i}`);
          return Promise.resolve({ data, next_cursor: next });
        },
        readRow: (row) => row as string,
        keyOf: (row) => row,
      });
      const pages = Math.max(1, Math.ceil(count / 100));
      if (pages <= maxPages) assert.equal((await list).rows.length, count);
      else await assert.rejects(list, { code: "SNAPSHOT_INCOMPLETE" });
      assert.equal(asked, Math.min(pages, maxPages));
    }),
    { numRuns: 60 },
  );
});

Deno.test("codecs never throw, and read what they accept within its range", () => {
  fc.assert(fc.property(fc.jsonValue(), (body) => {
    readListedTrade(body);
    readApiKeys(body);
    readHeartbeat(200, body);
    const order = readListedOrder(body);
    assert.ok(order === null || (order.price >= 0 && order.price <= 10_000));
    const frame = readUserFrame(JSON.stringify(body), AT);
    assert.ok(frame.inputs.length === 0);
    const balance = readBalance(body);
    assert.ok(balance === null || balance.balance >= 0);
  }));
});

Deno.test("balances: an allowance beyond 2^53 is capped, a balance beyond it is refused, the older shape is read", () => {
  const max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
  assert.deepEqual(readBalance({ balance: "7390000", allowances: { "0xE1": max, "0xE2": "0" } }), {
    balance: 7_390_000,
    allowances: { "0xE1": Number.MAX_SAFE_INTEGER, "0xE2": 0 },
  });
  assert.deepEqual(readBalance({ balance: "1", allowance: "5" }), {
    balance: 1,
    allowances: { allowance: 5 },
  });
  for (const balance of [max, "", "-1", "1.5", null, undefined]) {
    assert.equal(readBalance({ balance, allowances: {} }), null, String(balance));
  }
});

Deno.test("the newest answers make the percentiles, the last minute the errors", () => {
  const health = newApiHealth();
  assert.deepEqual(readHealth(health, 0), { errorsLastMinute: 0, latencyP50Ms: null, latencyP95Ms: null });
  for (let index = 1; index <= 500; index++) recordLatency(health, index <= 244 ? 1000 : index - 244);
  for (let index = 0; index < 3000; index++) recordError(health, index);
  assert.deepEqual(readHealth(health, 2500), {
    errorsLastMinute: 1000,
    latencyP50Ms: 129,
    latencyP95Ms: 244,
  });
  assert.deepEqual(readHealth(health, 62_500).errorsLastMinute, 499);
});

function gaugeOf(open: () => number) {
  const time = { at: AT as number };
  const clock: Pick<Clock, "now" | "monotonicUs"> = { now: () => ms(time.at), monotonicUs: () => 0 };
  return { gauge: new Gauge({ clock, random: () => 0, openOrders: open }), time };
}

Deno.test("whatever was sent before, every order that is open can be cancelled at once, one way or the other", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("order", "wait"), fc.nat(300)), {
    minLength: 100,
    maxLength: 400,
    size: "max",
  });
  fc.assert(fc.property(steps, fc.boolean(), (list, wide) => {
    let open = 0;
    const { gauge, time } = gaugeOf(() => open);
    for (const [kind, amount] of list) {
      if (kind === "wait") time.at += amount;
      else if (gauge.takeOrder(false) === null) open++;
    }
    if (wide) gauge.take("cancelAll");
    else assert.equal(open === 0 ? 0 : gauge.takeCancels(open), open);
  }));
});

Deno.test("a quiet channel is none that owes us something", () => {
  const activity = new ExpectedActivity(5000);
  const at = (offset: number) => ms(AT + offset);
  assert.equal(activity.overdue(at(1e9)), null);
  activity.expect("0xA", at(0), at(100));
  activity.expect("0xA", at(0), at(4000));
  assert.equal(activity.overdue(at(5099)), null);
  assert.equal(activity.overdue(at(5100)), "0xa", "the first question counts");
  activity.hear("0xa", at(5200));
  assert.equal(activity.overdue(at(9999)), null);
  // Heard of after it began, before REST answered.
  activity.hear("0xB", at(10));
  activity.expect("0xb", at(10), at(20));
  assert.equal(activity.overdue(at(1e6)), null);
  // Heard of only before it began: the new activity is still owed.
  activity.expect("0xb", at(11), at(20));
  assert.equal(activity.overdue(at(1e6)), "0xb");
  activity.forget();
  assert.equal(activity.overdue(at(1e6)), null);
  for (let index = 0; index < 10_000; index++) activity.expect(`0x${index}`, at(0), at(index));
  assert.equal(activity.overdue(at(1e6)), `0x${10_000 - 4096}`, "bounded: the oldest are given up");
});

Deno.test("frames of the user channel: one, several, foreign kinds, noise", () => {
  const trade = {
    event_type: "trade",
    id: "t",
    status: "MINED",
    taker_order_id: "0xAA",
    asset_id: "1",
    side: "BUY",
    size: "5",
    price: "0.5",
    maker_orders: [{ order_id: "0xBB", matched_amount: "5", price: "0.5", asset_id: "1" }],
  };
  const order = { event_type: "order", type: "PLACEMENT", id: "0xCC", status: "LIVE", size_matched: "0" };
  const both = readUserFrame(JSON.stringify([order, trade, { event_type: "new_thing" }]), AT);
  assert.deepEqual([both.inputs.length, both.ignored, both.unreadable], [2, 1, 0]);
  assert.deepEqual(both.inputs.map(hashesOf), [["0xcc"], ["0xaa", "0xbb"]]);
  assert.deepEqual(readUserFrame("PONG", AT).pong, true);
  for (
    const text of [
      "",
      "{",
      "7",
      "null",
      "{}",
      "<html>",
      '{"event_type":"order"}',
      '{"event_type":"trade","id":"x"}',
    ]
  ) {
    const { inputs, unreadable } = readUserFrame(text, AT);
    assert.deepEqual([inputs.length, unreadable], [0, 1], text);
  }
});

Deno.test("a refused subscription waits, a silent socket does not, anything else backs off", () => {
  assert.deepEqual(userCloseAction(1008, "", () => 0), { kind: "wait", waitMs: 5000 });
  assert.deepEqual(userCloseAction(3900, "", () => 0), { kind: "wait", waitMs: 0 });
  assert.deepEqual(userCloseAction(1006, "", () => 0), { kind: "backoff" });
});

Deno.test("the geoblock check must say yes or no", async () => {
  const http = (body: string) =>
    httpClient({
      network: { fetch: () => Promise.resolve(new Response(body)) },
      clock: { sleep: () => Promise.resolve() },
      random: () => 0,
      retries: 0,
    });
  assert.deepEqual(
    await fetchGeoblock(
      http('{"blocked":true,"ip":"203.0.113.42","country":"US","region":"NY"}'),
      "http://web",
    ),
    { blocked: true, ip: "203.0.113.42", country: "US", region: "NY" },
  );
  for (const body of ["{}", '{"blocked":"false"}', "[]", "null"]) {
    await assert.rejects(fetchGeoblock(http(body), "http://web"), HttpError, body);
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { ms } from "../../core/units.ts";
import { binanceRest } from "../../feeds/binance/rest.ts";
import { type Clock, monotone, wallClock } from "../../feeds/clock.ts";
import {
  type ClockOffset,
  ClockSync,
  combineOffsets,
  isSkewed,
  offsetOf,
  secondBounds,
} from "../../feeds/clock_sync.ts";
import { httpClient } from "../../feeds/net/http.ts";
import { simProfile } from "../../feeds/venue_profile.ts";

const T = 1_795_253_805_000;
const log = { debug: () => {}, info: () => {}, warn: () => {} };

/** A sample of a venue that is `offset` ahead, with both ways of the trip stated. */
const sampleAt = (at: number, offset: number, out: number, back: number) => ({
  sentMs: at,
  receivedMs: at + out + back,
  serverMs: at + out + offset,
});

Deno.test("the sample with the shortest round trip counts, and the error is at most half of it", () => {
  const trip = fc.tuple(fc.nat(500), fc.nat(500));
  fc.assert(
    fc.property(
      fc.integer({ min: -5000, max: 5000 }),
      fc.array(trip, { minLength: 1, maxLength: 6 }),
      (offset, trips) => {
        const samples = trips.map(([out, back], i) => sampleAt(T + i * 2000, offset, out, back));
        const found = offsetOf(samples)!;
        assert.equal(found.roundTripMs, Math.min(...trips.map(([out, back]) => out + back)));
        assert.ok(Math.abs(found.clockOffsetMs - offset) <= found.uncertaintyMs);
      },
    ),
  );
  assert.equal(offsetOf([]), null);
});

Deno.test("answers in whole seconds bound the offset, and many bound it better", () => {
  const floor = (offset: number, at: number) => {
    const exact = sampleAt(at, offset, 10, 10);
    return { ...exact, serverMs: Math.floor(exact.serverMs / 1000) * 1000 };
  };
  fc.assert(
    fc.property(
      fc.integer({ min: -3000, max: 3000 }),
      fc.array(fc.nat(20_000), { minLength: 1, maxLength: 8 }),
      (offset, ats) => {
        const samples = ats.map((at) => floor(offset, T + at));
        const bounds = secondBounds(samples)!;
        assert.ok(bounds.low <= offset && offset <= bounds.high);
        assert.ok(bounds.high - bounds.low <= 1020);
        assert.ok(
          bounds.high - bounds.low <=
            secondBounds(samples.slice(0, 1))!.high - secondBounds(samples.slice(0, 1))!.low,
        );
      },
    ),
  );
  assert.equal(secondBounds([floor(0, T), floor(5000, T)]), null, "a clock that jumps has no offset");
});

Deno.test("Binance decides to the millisecond while the CLOB allows it, else the CLOB decides", () => {
  const clob = [{ sentMs: T, receivedMs: T + 20, serverMs: T }];
  const near = combineOffsets([sampleAt(T, 300, 5, 5)], clob)!;
  assert.deepEqual([near.source, near.clockOffsetMs, near.roundTripMs], ["binance", 300, 10]);
  const far = combineOffsets([sampleAt(T, 30_000, 5, 5)], clob)!;
  assert.deepEqual([far.source, far.clockOffsetMs], ["clob", 490]);
  assert.equal(combineOffsets([], clob)?.source, "clob");
  assert.equal(combineOffsets([], []), null);
  const off = (clockOffsetMs: number, uncertaintyMs: number): ClockOffset => ({
    clockOffsetMs,
    uncertaintyMs,
    roundTripMs: 0,
    source: "clob",
  });
  assert.deepEqual([isSkewed(off(-1400, 500)), isSkewed(off(-1600, 500)), isSkewed(off(1001, 0))], [
    false,
    true,
    true,
  ]);
});

/** A venue `offset` ahead of a wall that the test moves, behind a client of our own. */
function venue(offset: number, clock: Clock, wall: () => number) {
  const network = {
    fetch: (url: string) =>
      Promise.resolve(
        url.endsWith("/clob/time")
          ? new Response(String(Math.floor((wall() + offset) / 1000)))
          : Response.json({ serverTime: wall() + offset }),
      ),
  };
  const profile = simProfile(1);
  const http = httpClient({ network, clock, random: () => 0 });
  return { http, rest: binanceRest(http, profile, clock), clob: profile.clob, log };
}

Deno.test("the wall clock takes the offset over, tells all of it again an hour later, and never steps back", async () => {
  let wall = T;
  const stop = new AbortController();
  const base = wallClock(0, () => wall);
  const naps: (() => void)[] = [];
  const clock: Clock = {
    ...base,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        naps.push(resolve);
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  };
  const skews: number[] = [];
  let offset = 2500;
  const live = venue(0, clock, () => wall + offset);
  const sync = new ClockSync(
    { ...live, clock, signal: stop.signal },
    (found) => skews.push(found.clockOffsetMs),
  );
  await sync.start();
  assert.equal(clock.now(), T + 2500);
  assert.equal(sync.offset?.clockOffsetMs, 2500);
  // An hour later the venue is half a second less ahead: our clock waits for it instead of stepping back.
  wall += 3_600_000;
  offset = 2000;
  const before = clock.now();
  naps.shift()?.();
  for (let i = 0; i < 200 && skews.length < 2; i++) {
    await new Promise((r) => setTimeout(r, 1));
  }
  assert.equal(skews[1], 2000);
  assert.equal(clock.now(), before, "it stands still");
  wall += 500;
  assert.equal(clock.now(), before);
  wall += 1;
  assert.equal(clock.now(), before + 1);
  assert.deepEqual(skews, [2500, 2000]);
  stop.abort(new DOMException("over", "AbortError"));
  await sync.closed();
});

Deno.test("a simulated venue whose services disagree with its clock is told, and its clock is left alone", async () => {
  const stop = new AbortController();
  const fixed: Clock = {
    now: () => ms(T),
    monotonicUs: () => 0,
    speed: 1,
    sleep: () => new Promise(() => {}),
  };
  const skews: ClockOffset[] = [];
  const sync = new ClockSync(
    { ...venue(90_000, fixed, () => T), clock: fixed, signal: stop.signal },
    (found) => skews.push(found),
  );
  await sync.start();
  assert.deepEqual(skews.map((found) => [found.clockOffsetMs, found.source]), [[90_000, "binance"]]);
  assert.equal(fixed.now(), T);
});

Deno.test("a clock that steps back is stood still by monotone() and by the wall clock alike", () => {
  const steps = [100, 90, 95, 101, 50, 102];
  for (
    const make of [
      (now: () => number) => wallClock(0, now),
      (now: () => number) => monotone({ ...wallClock(), now: () => ms(now()) }),
    ]
  ) {
    let at = 99;
    const clock = make(() => at);
    const seen = steps.map((step) => (at = step, clock.now()));
    assert.deepEqual(seen, [100, 100, 100, 101, 101, 102]);
  }
});

import assert from "node:assert/strict";
import { assess, type Assessment, lateStream, quietStreams } from "../../../feeds/net/health.ts";
import type { FeedLimits } from "../../../feeds/net/limits.ts";
import type { StreamClock } from "../../../feeds/net/link.ts";

const LIMITS: FeedLimits = {
  connectMs: 1000,
  firstDatumMs: 2000,
  lateMs: 4000,
  deadMs: 3000,
  probeMs: 500,
  renewMs: null,
};
const T = 1_000_000;

const clock = (more: Partial<StreamClock> = {}): StreamClock => ({
  limitMs: 4000,
  sinceMs: T,
  newsMs: T,
  verifiedMs: 0,
  askedMs: 0,
  seen: true,
  resubscribed: false,
  ...more,
});

function link(streams: Record<string, StreamClock>, more: Record<string, number | boolean> = {}) {
  return {
    startedMs: T,
    startedWallMs: 0,
    openedMs: T,
    openedWallMs: 0,
    lastFrameMs: T,
    probedMs: 0,
    probedWallMs: 0,
    lateSinceMs: 0,
    lateSinceWallMs: 0,
    wasComplete: true,
    streams: new Map(Object.entries(streams)),
    ...more,
  };
}

/** At `ms` after T, with as much wall time. */
const at = (one: ReturnType<typeof link>, ms: number, floor = 0): Assessment =>
  assess(one as Parameters<typeof assess>[0], T + ms, ms, LIMITS, floor);

Deno.test("a handshake that takes too long is a dead socket, but not before the wall floor", () => {
  const one = link({}, { openedMs: 0 });
  assert.equal(at(one, 1000).verdict, "fine");
  assert.equal(at(one, 1001, 5000).verdict, "fine");
  assert.match(at(one, 1001).detail, /^SOCKET_DEAD/);
});

Deno.test("a socket without any frame for half a limit is probed once, and dead when the probe stays unanswered", () => {
  const one = link({ a: clock() });
  assert.equal(at(one, 2000).probe, false);
  assert.equal(at(one, 2001).probe, true);
  one.probedMs = T + 2001;
  one.probedWallMs = 2001;
  assert.deepEqual([at(one, 2400).probe, at(one, 2400).verdict], [false, "fine"]);
  assert.equal(at(one, 2502).verdict, "dead");
  assert.match(at(one, 2502).detail, /^SOCKET_DEAD/);
  one.lastFrameMs = T + 2100;
  assert.equal(at(one, 2502).verdict, "fine", "the answer came");
});

Deno.test("silence of all streams on a socket that answers: late, resubscribed, then the subscription is dead", () => {
  const one = link({ a: clock() }, { lastFrameMs: T + 60_000 });
  assert.deepEqual(at(one, 2001).silent, ["a"]);
  const late = at(one, 4001);
  assert.deepEqual([late.verdict, late.resubscribe], ["late", "a"]);
  assert.match(late.detail, /^FEED_LATE/);
  assert.equal(at(one, 7000).verdict, "late");
  const dead = at(one, 7001);
  assert.equal(dead.verdict, "dead");
  assert.match(dead.detail, /^SUBSCRIPTION_DEAD/);
});

Deno.test("while other streams flow the socket is kept until a successor has data", () => {
  const one = link({ a: clock(), b: clock({ sinceMs: T + 7000 }) }, { lastFrameMs: T + 7000 });
  at(one, 4001);
  assert.equal(at(one, 7001).verdict, "replace");
});

Deno.test("a stream that never came: asked for again at half its deadline, then a new socket", () => {
  const flowing = clock({ sinceMs: T + 2001 });
  const fresh = link({ a: clock({ seen: false }), b: flowing }, {
    wasComplete: false,
    lastFrameMs: T + 2001,
  });
  assert.equal(at(fresh, 1001).resubscribe, "a");
  assert.equal(at(fresh, 2001).verdict, "dead", "a socket that was never whole is no loss");
  const added = link({ a: clock({ seen: false }), b: flowing }, { lastFrameMs: T + 2001 });
  assert.equal(at(added, 2001).verdict, "replace", "a stream added to a whole one does not cost the others");
  const alone = link({ a: clock({ seen: false }) }, { lastFrameMs: T + 2001 });
  assert.equal(at(alone, 2001).verdict, "dead");
});

Deno.test("what REST has verified is as good as a datum, until it is old itself", () => {
  const one = link({ a: clock({ verifiedMs: T + 3000 }) }, { lastFrameMs: T + 60_000 });
  assert.equal(at(one, 7000).verdict, "fine");
  assert.equal(at(one, 7001).verdict, "late");
  assert.equal(quietStreams([one] as never, T + 5000), 1);
  assert.equal(quietStreams([one] as never, T + 4000), 0, "not silent for long enough to be called quiet");
});

Deno.test("a feed is late when no socket has a stream's news fresh; copies are no news", () => {
  const stale = link({ a: clock({ sinceMs: T + 4000 }) });
  assert.match(lateStream([stale] as never, T + 4001, LIMITS) ?? "", /^FEED_LATE: no data of a within 4000/);
  const fresh = link({ a: clock({ newsMs: T + 3000 }) });
  assert.equal(lateStream([stale, fresh] as never, T + 5000, LIMITS), null, "the spare has it");
  const opening = link({ a: clock({ seen: false, newsMs: T + 4900 }) });
  assert.notEqual(lateStream([stale, opening] as never, T + 5000, LIMITS), null, "patience is no news");
  assert.equal(lateStream([opening] as never, T + 5000, LIMITS), null);
  assert.equal(lateStream([], T, LIMITS), null);
});

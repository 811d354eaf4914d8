import assert from "node:assert/strict";
import type { MarketEvent } from "../../core/events.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { type LiveOptions, openLive } from "../../feeds/live.ts";
import { connectSim } from "../../feeds/sim_status.ts";
import { tapeDecoder } from "../../feeds/tape/codecs.ts";
import type { FeedName } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { register as discover } from "../../commands/discover.ts";
import { register as stream } from "../../commands/stream.ts";
import { register as trade } from "../../commands/trade.ts";
import { poly } from "../cli/harness.ts";
import { httpProxy, socksProxy } from "./net/proxies.ts";

const START = Date.UTC(2026, 10, 21, 9, 36);
const log = { debug: () => {}, info: () => {}, warn: () => {} };

async function withSim(use: (port: number) => Promise<void>): Promise<void> {
  const venue = await startVenue({
    seed: 7,
    speed: 30,
    startMs: START,
    port: 0,
    assets: ["btc", "eth"],
    durations: ["5m"],
    historyHours: 2,
  });
  try {
    await use(venue.port);
  } finally {
    await venue.close();
  }
}

/** Runs the feeds for some venue time and gives what they told and what a recorder would have kept. */
async function run(port: number, change: Partial<LiveOptions>, forMs: number) {
  const { clock, profile, status } = await connectSim({ host: "127.0.0.1", port });
  const events: MarketEvent[] = [];
  const frames: { feed: FeedName; raw: string; tReceive: Ms }[] = [];
  const stop = new AbortController();
  const live = await openLive({
    profile,
    clock,
    assets: ["btc", "eth"],
    durations: ["5m"],
    credentials: status.credentials,
    log,
    signal: stop.signal,
    onEvents: (batch) => void events.push(...batch),
    onFrame: (feed, raw, tReceive) => void frames.push({ feed, raw, tReceive }),
    ...change,
  });
  await clock.sleep(forMs as Ms);
  const metrics = live.metrics();
  await live.close();
  return { events, frames, metrics };
}

const FROM_FRAMES = new Set([
  "fastBook",
  "fastTop",
  "fastTrade",
  "markPrice",
  "volatility",
  "oraclePrice",
  "bookDelta",
]);

Deno.test("diff books, a volatility index and hot spares against the simulated venue, told the same by their recording", async () => {
  await withSim(async (port) => {
    const hotSpare = [
      "polymarket.market",
      "polymarket.prices",
      "binance.futures.public",
      "binance.spot",
      "deribit",
    ] as const;
    const { events, frames, metrics } = await run(port, { diffBook: true, hotSpare }, 40_000);
    for (const [feed, one] of Object.entries(metrics)) {
      assert.equal(one.state, "live", `${feed}: ${one.detail}`);
      assert.equal(one.unrecognised, 0, feed);
    }
    for (const feed of hotSpare) assert.ok(metrics[feed]!.duplicates > 0, `${feed} has a spare`);
    const tops = events.filter((e) => e.type === "fastBook" && e.venue === "binance-futures");
    assert.ok(tops.length > 20, String(tops.length));
    for (const top of tops) {
      assert.ok(top.type === "fastBook" && top.bids.length === 40 && top.bids[0]! < top.asks[0]!);
    }
    assert.deepEqual(
      new Set(events.flatMap((e) => e.type === "volatility" ? [e.asset] : [])),
      new Set(["btc", "eth"]),
    );
    const keys = events.filter((e) => e.type === "fastTrade").map((e) => `${e.venue}/${e.asset}/${e.id}`);
    assert.equal(new Set(keys).size, keys.length, "no trade twice");
    const prints = events.filter((e) => e.type === "oraclePrice").map((e) =>
      `${e.kind}/${e.asset}/${e.tExchange}`
    );
    assert.equal(new Set(prints).size, prints.length, "no print twice");

    const decoder = tapeDecoder();
    const told = frames.flatMap(({ feed, raw, tReceive }) => decoder.decode(feed, raw, tReceive));
    const pick = (list: readonly MarketEvent[]) => list.filter((e) => FROM_FRAMES.has(e.type));
    assert.deepEqual(pick(told), pick(events));
  });
});

Deno.test("discover, stream and trade go through a proxy altogether; a refused password is one clear error", async () => {
  const commands = [discover, stream, trade];
  await withSim(async (port) => {
    const open = httpProxy();
    const socks = socksProxy({ username: "u", password: "p" });
    try {
      const venue = ["--venue", `sim:${port}`];
      const good = ["--proxy", socks.url.replace("//", "//u:p@")];
      const found = await poly(["discover", ...venue, "--proxy", open.url, "--json"], { commands });
      assert.equal(found.code, 0);
      const data = found.envelope?.data as { clockOffsetMs: number; roundTripMs: number };
      assert.ok(Math.abs(data.clockOffsetMs) < 1500 && data.roundTripMs >= 0);
      assert.ok(open.targets.length > 0 && open.targets.every((target) => target === `127.0.0.1:${port}`));
      const streamed = await poly(["stream", ...venue, ...good, "--for", "20s", "--json"], { commands });
      assert.equal(streamed.code, 0);
      const feeds = (streamed.envelope?.data as { feeds: Record<string, { state: string }> }).feeds;
      assert.deepEqual(new Set(Object.values(feeds).map((one) => one.state)), new Set(["live"]));
      assert.ok(socks.targets.length >= 6, "sockets too");
      for (const argv of [["discover"], ["stream", "--for", "5s"], ["trade", "--paper", "--for", "5s"]]) {
        const refused = await poly([
          ...argv,
          ...venue,
          "--proxy",
          socks.url.replace("//", "//u:wrong@"),
          "--json",
        ], { commands });
        assert.deepEqual([refused.code, refused.envelope?.error?.code], [1, "PROXY_FAILED"], argv[0]);
        assert.ok(!refused.out.includes("wrong"));
      }
    } finally {
      await open.close();
      await socks.close();
    }
  });
});

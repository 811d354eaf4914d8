/** The main job end to end: the simulated venue's real sockets, the engine, the paper exchange, settlement, report. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";

const START = Date.UTC(2026, 10, 21, 9, 34, 30);

async function withVenue(speed: number, use: (venue: string, root: string) => Promise<void>): Promise<void> {
  const venue = await startVenue({
    seed: 7,
    speed,
    startMs: START,
    assets: ["btc"],
    durations: ["5m"],
    historyHours: 2,
  });
  try {
    await withFolder((root) => use(`sim:${venue.port}`, root));
  } finally {
    await venue.close();
  }
}

interface Window {
  slug: string;
  strike: string | null;
  outcome: string | null;
  settled: boolean;
}

Deno.test("paper trading sees a window through: strike, fills, fees, settlement, report, exit 0", async () => {
  await withVenue(50, async (venue, root) => {
    const ran = await poly([
      ...["trade", "--paper", "--venue", venue, "--windows", "1", "--strategy", "mean-revert", "--json"],
      ...["--data", join(root, "data"), "--log-level", "off"],
      // At this speed one millisecond of this machine is fifty of the venue's.
      ...["--set", "risk.maxSignalAgeMs=5000", "--set", "risk.maxBookAgeMs=20000"],
    ]);
    assert.equal(ran.code, 0, ran.err);
    const data = ran.envelope?.data ?? {};
    const windows = data["windows"] as Window[];
    // The first whole one; a machine with other work may be late for the very first.
    assert.equal(windows.length, 1);
    const { slug } = windows[0]!;
    assert.match(slug, /^btc-updown-5m-1795(253700|254000|254300)$/);
    assert.ok(windows[0]!.settled && windows[0]!.outcome !== null && windows[0]!.strike !== null);
    assert.ok(Number(data["orders"]) > 0);
    assert.deepEqual(data["positions"], []);
    assert.equal(data["unknownTokens"], 0);
    const feeds = data["feeds"] as { feed: string; frames: number; unrecognised: number }[];
    assert.ok(feeds.length >= 5 && feeds.every((feed) => feed.frames > 0 && feed.unrecognised === 0));
    const html = await Deno.readTextFile(String(data["report"]));
    assert.ok(html.includes(slug));
  });
});

Deno.test("a stop in the middle ends cleanly: exit 0, positions said, report written", async () => {
  await withVenue(50, async (venue, root) => {
    const stop = new AbortController();
    const running = poly([
      ...["trade", "--paper", "--venue", venue, "--strategy", "hold", "--json"],
      ...["--data", join(root, "data"), "--log-level", "off"],
    ], { signal: stop.signal });
    const timer = setTimeout(() => stop.abort(new DOMException("stopped", "AbortError")), 1500);
    const ran = await running;
    clearTimeout(timer);
    assert.equal(ran.code, 0, ran.err);
    await Deno.stat(String(ran.envelope?.data?.["report"]));
  });
});

Deno.test("a venue that goes away in the middle is waited for, and a stop still ends cleanly", async () => {
  const venue = await startVenue({
    seed: 7,
    speed: 50,
    startMs: START,
    assets: ["btc"],
    durations: ["5m"],
    historyHours: 2,
  });
  await withFolder(async (root) => {
    const stop = new AbortController();
    const running = poly([
      ...["trade", "--paper", "--venue", `sim:${venue.port}`, "--strategy", "random", "--json"],
      ...["--data", join(root, "data"), "--log-level", "off"],
    ], { signal: stop.signal });
    setTimeout(() => void venue.close(), 1500);
    setTimeout(() => stop.abort(new DOMException("stopped", "AbortError")), 4000);
    const ran = await running;
    assert.equal(ran.code, 0, ran.err);
    const feeds = ran.envelope?.data?.["feeds"] as { state: string }[];
    assert.ok(feeds.every((feed) => feed.state !== "live"), "no feed calls itself live when nobody is there");
  });
});

/** Recording end to end: what was seen live is what the tape gives back, decisions are the same twice, kill -9 costs a flush. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { MarketEvent } from "../../core/events.ts";
import { ASK, BID, OrderBook } from "../../core/market/book.ts";
import { ms } from "../../core/units.ts";
import { type LiveOptions, openLive } from "../../feeds/live.ts";
import { decodeBook } from "../../feeds/polymarket/market_codec.ts";
import { Capture } from "../../feeds/tape/capture.ts";
import { tapeDecoder } from "../../feeds/tape/codecs.ts";
import { openRecording } from "../../feeds/tape/open_recording.ts";
import { openTape } from "../../feeds/tape/reader.ts";
import { verifyTape } from "../../feeds/tape/verify.ts";
import { connectSim } from "../../feeds/sim_status.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly, ROOT } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";

/** Half a minute before a window's end, so that a settlement and a new window are part of it. */
const START = Date.UTC(2026, 10, 21, 9, 34, 20);
const SPEED = 20;

async function withVenue(
  use: (port: number, root: string) => Promise<void>,
  faults: readonly string[] = [],
): Promise<void> {
  const venue = await startVenue({
    seed: 7,
    speed: SPEED,
    startMs: START,
    assets: ["btc", "eth"],
    durations: ["5m"],
    historyHours: 2,
    faults,
  });
  try {
    await withFolder((root) => use(venue.port, root));
  } finally {
    await venue.close();
  }
}

async function eventsOf(path: string): Promise<MarketEvent[]> {
  const tape = await openTape(path, { decode: tapeDecoder().decode });
  const events: MarketEvent[] = [];
  for await (const batch of tape.events()) events.push(...batch);
  assert.deepEqual([tape.counts.unrecognised, tape.counts.disordered], [0, 0]);
  return events;
}

/** Books of every token after the last event that `when` lets through. */
function booksOf(
  events: readonly MarketEvent[],
  when: (event: MarketEvent) => boolean = () => true,
): Map<string, OrderBook> {
  const books = new Map<string, OrderBook>();
  for (const event of events) {
    if ((event.type !== "book" && event.type !== "bookDelta") || !when(event)) continue;
    let book = books.get(event.token);
    if (book === undefined) books.set(event.token, book = new OrderBook());
    if (event.type === "book") book.replace(event.bids, event.asks);
    else book.applyDelta(event.changes, event.bestBid, event.bestAsk);
  }
  return books;
}

const levelsOf = (book: OrderBook | undefined) => [book?.levels(BID), book?.levels(ASK)];

/** A token's book as REST states it, and the time of its last change. */
async function restBook(clob: string, token: string): Promise<{ book: OrderBook; atMs: number }> {
  const response = await fetch(`${clob}/book?token_id=${token}`);
  const now = ms(Date.UTC(2027, 0, 1));
  const event = decodeBook(await response.json() as Record<string, unknown>, now);
  assert.ok(event?.type === "book");
  return { book: booksOf([event]).get(token)!, atMs: event.tExchange };
}

interface Recorded {
  readonly out: string;
  readonly seen: MarketEvent[];
  readonly back: MarketEvent[];
  /** A book that REST stated while the session ran. */
  readonly rest: { readonly token: string; readonly book: OrderBook; readonly atMs: number };
}

/** A session that is recorded until a window is resolved: what it saw, and what its tape gives back. */
async function recordSession(
  port: number,
  root: string,
  change: Partial<LiveOptions> = {},
): Promise<Recorded> {
  const out = join(root, "tape");
  const signal = AbortSignal.timeout(5000);
  const { clock, profile, status } = await connectSim({ host: "127.0.0.1", port, signal });
  const target = { out, append: false, nowMs: clock.now(), source: "test", licence: "none" };
  const { recording } = await openRecording(target);
  const capture = new Capture(recording);
  const seen: MarketEvent[] = [];
  const enough = Promise.withResolvers<void>();
  const late = setTimeout(() => enough.reject(new Error("no window was resolved")), 20_000);
  const live = await openLive({
    profile,
    clock,
    assets: ["btc", "eth"],
    durations: ["5m"],
    credentials: status.credentials,
    log: { debug: () => {}, info: () => {}, warn: () => {} },
    signal: new AbortController().signal,
    clockEveryMs: 1000,
    onFrame: capture.onFrame,
    onEvents: (events) => {
      seen.push(...events);
      capture.onEvents(events);
      if (events.some((event) => event.type === "resolved")) enough.resolve();
    },
    ...change,
  });
  await enough.promise;
  clearTimeout(late);
  const token = live.windows().at(-1)!.upToken;
  const rest = { token, ...await restBook(profile.clob, token) };
  while (!seen.some((e) => e.type === "bookDelta" && e.token === token && e.tExchange > rest.atMs)) {
    await clock.sleep(ms(200), AbortSignal.timeout(10_000));
  }
  await live.close();
  await recording.close();
  return { out, seen, back: await eventsOf(out), rest };
}

function assertSame({ back, seen }: Recorded): void {
  // Strikes stand behind all prints of their frame on the tape, directly behind their own print live.
  const sorted = (events: readonly MarketEvent[]) =>
    events.map((event) => JSON.stringify(Object.entries(event).sort())).sort();
  const order = (events: readonly MarketEvent[]) =>
    events.filter((event) => event.type !== "strike").map((event) => `${event.type}@${event.tReceive}`);
  assert.equal(back.length, seen.length);
  assert.deepEqual(sorted(back), sorted(seen));
  assert.deepEqual(order(back), order(seen));
  const books = booksOf(back);
  assert.ok(books.size >= 4);
  for (const [of, book] of booksOf(seen)) assert.deepEqual(levelsOf(books.get(of)), levelsOf(book));
}

Deno.test("what the tape gives back is what was seen live, event for event, to the last book", async () => {
  await withVenue(async (port, root) => {
    const session = await recordSession(port, root);
    const { back, out, rest } = session;
    assertSame(session);
    for (
      const type of [
        "window",
        "strike",
        "resolved",
        "book",
        "bookDelta",
        "fastBook",
        "fastBar",
        "oraclePrice",
      ]
    ) {
      assert.ok(back.some((event) => event.type === type), type);
    }
    const then = booksOf(back, (event) => event.tExchange <= rest.atMs).get(rest.token);
    assert.deepEqual(
      levelsOf(then),
      levelsOf(rest.book),
      "the replayed book is the one REST stated at that time",
    );
    const resolved = (await openTape(out)).manifest.windows.filter((window) => window.outcome !== null);
    assert.ok(resolved.length > 0 && resolved.every((window) => window.outcomeSource === "venue"));
  });
});

Deno.test("so it is with hot spares, kept books, doubled, lost and swapped frames, and a dropped socket", async () => {
  const faults = [
    "duplicate@polymarket.market",
    "gap@binance.futures.market,start=5s",
    "gap@polymarket.prices,start=8s",
    "reorder@binance.spot",
    "drop@polymarket.market,start=12s",
    "drop@binance.futures.public,start=15s",
  ];
  await withVenue(async (port, root) => {
    const session = await recordSession(port, root, {
      hotSpare: ["polymarket.market", "polymarket.prices", "binance.futures.market", "binance.spot"],
      diffBook: true,
    });
    assertSame(session);
    assert.ok(session.back.some((event) => event.type === "feedState" && event.state === "down"));
  }, faults);
});

Deno.test("record says what it did, its tape is whole, and trading on it decides the same twice", async () => {
  await withVenue(async (port, root) => {
    const out = join(root, "tape");
    const base = ["--venue", `sim:${port}`, "--asset", "btc,eth", "--json", "--log-level", "off"];
    const ran = await poly(["record", "--out", out, "--for", "90s", ...base]);
    assert.equal(ran.code, 0, ran.err);
    const data = ran.envelope?.data as {
      tape: string;
      frames: number;
      bytes: number;
      hash: string;
      dropped: number;
      perFeed: Record<string, { frames: number }>;
    };
    assert.deepEqual([data.tape, data.dropped], [out, 0]);
    assert.equal(Object.values(data.perFeed).reduce((sum, feed) => sum + feed.frames, 0), data.frames);
    assert.deepEqual(Object.keys(data.perFeed).length >= 5, true);
    assert.match(ran.err, /^$|record/);
    const verified = await verifyTape(out);
    assert.deepEqual([verified.ok, verified.chain, verified.bytes], [true, data.hash, data.bytes]);
    const trade = async (folder: string) => {
      const traded = await poly([
        ...["trade", "--paper", "--tape", out, "--strategy", "mean-revert", "--json", "--log-level", "off"],
        ...["--data", join(root, folder), "--set", "risk.maxSignalAgeMs=5000"],
      ]);
      assert.equal(traded.code, 0, traded.err);
      return traded.envelope?.data as { decisionsHash: string; orders: number; events: number };
    };
    const first = await trade("a");
    const second = await trade("b");
    assert.match(first.decisionsHash, /^[0-9a-f]{64}$/);
    assert.deepEqual(
      [first.decisionsHash, first.orders, first.events],
      [second.decisionsHash, second.orders, second.events],
    );
    assert.notEqual(first.decisionsHash, "0".repeat(64), "something was decided");
    const again = await poly(["record", "--out", out, "--for", "5s", ...base]);
    assert.deepEqual([again.code, again.envelope?.error?.code], [1, "TAPE_EXISTS"]);
  });
});

Deno.test("kill -9 in the middle: the tape opens, verifies after a repair, and is continued", async () => {
  await withVenue(async (port, root) => {
    const out = join(root, "tape");
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-prompt", "-P=cli", "main.ts", "record", "--out", out],
        ...["--venue", `sim:${port}`, "--asset", "btc", "--json"],
      ],
      cwd: ROOT,
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await grown(out, 50_000);
      const during = await poly(["tape", "verify", out, "--json"]);
      assert.equal(during.code, 0, during.out);
      const state = (during.envelope?.data as { tapes: { state: string }[] }).tapes[0]?.state;
      assert.equal(state, "recording");
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
    const info = await poly(["tape", "info", out, "--json"]);
    assert.equal(info.code, 0, info.err);
    assert.deepEqual(info.envelope?.warnings?.map((w) => w.code), ["TAPE_INCOMPLETE"]);
    const before = await eventsOf(out);
    assert.ok(before.length > 100, String(before.length));
    const repaired = await poly(["tape", "verify", out, "--repair", "--json"]);
    assert.equal(repaired.code, 0, repaired.out);
    assert.deepEqual(await eventsOf(out), before, "a repair takes nothing that could be read");
    const more = await poly([
      ...["record", "--out", out, "--append", "--for", "20s", "--venue", `sim:${port}`],
      ...["--asset", "btc", "--json", "--log-level", "off"],
    ]);
    assert.equal(more.code, 0, more.err);
    assert.ok(more.envelope?.warnings?.some((w) => w.code === "TAPE_CONTINUED"));
    const after = await verifyTape(out);
    assert.deepEqual([after.ok, after.state], [true, "complete"]);
    assert.ok((await eventsOf(out)).length > before.length);
  });
});

/** Waits until the folder's segments hold so many bytes. */
async function grown(folder: string, bytes: number): Promise<void> {
  const until = performance.now() + 30_000;
  for (;;) {
    let size = 0;
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (name.endsWith(".gz")) size += (await Deno.stat(join(folder, name))).size;
      }
    } catch {
      // The recorder has not made its folder yet.
    }
    if (size >= bytes) return;
    assert.ok(performance.now() < until, `the recording does not grow: ${size} bytes`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

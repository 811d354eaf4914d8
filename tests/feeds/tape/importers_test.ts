import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { OperationError } from "../../../core/errors.ts";
import { importRecording, surveyPath } from "../../../feeds/tape/import.ts";
import { settlementRuleAt, syntheticIdentity } from "../../../feeds/tape/importers/instruments.ts";
import { recordedPrice, recordedSize } from "../../../feeds/tape/importers/quotes.ts";
import { winnerByQuotes } from "../../../feeds/tape/importers/quote_recording.ts";
import {
  BORISZ,
  CRONOS,
  fiveMinuteBars,
  FULLSTREAM,
  importFiles,
  JONAH,
  KILYAAAN,
  LUKASZ,
  minuteBars,
  ofType,
  SELLERSJA,
  START,
  START_S,
  VALERKA,
  withFolder,
  writeFolder,
} from "./recordings.ts";

const failsWith = (code: string) => (error: unknown): boolean => {
  assert.ok(error instanceof OperationError, String(error));
  assert.equal(error.code, code);
  return true;
};

Deno.test("cronos: ten-level books of the recorded token, the mirror flag, the rest counted", async () => {
  const { summary, events } = await importFiles(CRONOS);
  const { manifest } = summary;
  assert.equal(summary.layout, "cronos");
  const [first, second] = ofType(events, "window").map((e) => e.instrument);
  assert.deepEqual([first?.mirrorOf, first?.downToken, first?.upToken], ["down", "111", "222"]);
  assert.deepEqual([second?.mirrorOf, second?.upToken, second?.downToken], ["up", "333", "444"]);
  const books = ofType(events, "book");
  assert.deepEqual(books[0], {
    type: "book",
    tExchange: START + 1020,
    tReceive: START + 1000,
    token: "111",
    bids: [4900, 1_355_050_000, 4800, 414_520_000],
    asks: [5000, 685_030_000, 5100, 87_190_000],
  });
  assert.deepEqual(books.map((b) => b.tReceive - START), [1000, 2090, 2100, 4000, 5000, 299_000, 301_000]);
  assert.deepEqual(books[4]?.asks, [], "a price of 1 is no quote");
  assert.deepEqual(manifest.skipped, {
    "book crossed in the source": 1,
    "second token of a window recorded by token A": 1,
  });
  assert.equal(manifest.unrecognised, 1);
  assert.deepEqual(manifest.absent.includes("second.book"), true);
});

Deno.test("cronos: a finer price brings one tick change before its book", async () => {
  const { events } = await importFiles(CRONOS);
  const at = events.findIndex((e) => e.type === "tickSize");
  assert.deepEqual(ofType(events, "tickSize").map((e) => [e.token, e.oldTick, e.newTick]), [[
    "111",
    100,
    10,
  ]]);
  const book = events[at + 1];
  assert.ok(book?.type === "book" && book.bids[0] === 9910);
});

Deno.test("cronos: outcomes of windows.csv resolve after the end, unclear windows stay open", async () => {
  const { summary, events } = await importFiles(CRONOS);
  const resolved = ofType(events, "resolved");
  assert.deepEqual(resolved.map((e) => [e.conditionId, e.winner, e.source]), [["0xaa", "down", "inferred"]]);
  assert.ok(resolved[0]!.tReceive > START + 300_000);
  assert.deepEqual(summary.manifest.windows.map((w) => [w.outcome, w.outcomeSource, w.complete]), [
    ["down", "inferred", true],
    [null, null, false],
  ]);
});

Deno.test("cronos: without its window list no row can be oriented, so nothing is imported", async () => {
  const books = { "books-2026-04-13.csv.gz": CRONOS["books-2026-04-13.csv.gz"]! };
  await assert.rejects(importFiles(books), failsWith("TAPE_EMPTY"));
});

Deno.test("borisz42: both tokens, empty sides, and nothing known before the request was answered", async () => {
  const { summary, events } = await importFiles(BORISZ);
  const books = ofType(events, "book");
  assert.equal(books.length, 4);
  assert.deepEqual(books[0]?.bids, [4900, 6_151_040_000]);
  assert.equal(books[0]?.tReceive, START + 2000);
  assert.deepEqual([books[2]?.bids, books[2]?.asks], [[9900, 2_099_000_000], []]);
  assert.deepEqual([books[3]?.bids, books[3]?.asks], [[], [200, 2_965_750_000]]);
  assert.equal(ofType(events, "window")[0]?.instrument.mirrorOf, null);
  assert.equal(summary.manifest.unrecognised, 1);
  assert.deepEqual(ofType(events, "resolved").map((e) => e.winner), ["up"], "inferred from the last quotes");
  assert.ok(summary.manifest.notes.some((n) => /top five levels/.test(n)));
});

Deno.test("lukaszbalowski: the price to beat waits until it is the venue's", async () => {
  const { summary, events } = await importFiles(LUKASZ);
  const name = new Map(
    ofType(events, "window").map((e) => [e.instrument.conditionId, e.instrument.duration]),
  );
  const strikes = ofType(events, "strike").map((
    e,
  ) => [name.get(e.conditionId), e.tReceive - START, e.exact, e.basis]);
  assert.deepEqual(strikes, [
    ["5m", 38_000, "68635.17", "chainlink"],
    ["15m", 250_000, "68563.11", "chainlink"],
  ]);
  assert.equal(summary.manifest.skipped["row after the window's expiry"], 1);
  assert.equal(ofType(events, "fastPrice")[0]?.price, 68587.22);
  assert.deepEqual(events.map((e) => e.tReceive), events.map((e) => e.tReceive).sort((a, b) => a - b));
});

Deno.test("lukaszbalowski: the assumed size stands in the books and in the manifest", async () => {
  const { summary, events } = await importFiles(LUKASZ, { assumeSize: 50_000_000 });
  assert.deepEqual(ofType(events, "book")[0]?.bids, [4800, 50_000_000]);
  assert.ok(summary.manifest.absent.includes("book.size"));
  assert.ok(summary.manifest.notes.some((n) => n.includes("50.000000 shares")));
});

Deno.test("thevalerka: stale rows are skipped, 0 and 1 are no quotes, 0.005 is a finer tick", async () => {
  const { summary, events } = await importFiles(VALERKA);
  assert.equal(summary.manifest.skipped["stale row of the previous market"], 1);
  const books = ofType(events, "book");
  assert.equal(books.length, 4);
  assert.deepEqual([books[2]?.bids, books[2]?.asks], [[], [50, 100_000_000]]);
  assert.deepEqual([books[3]?.bids, books[3]?.asks], [[9900, 100_000_000], []]);
  assert.equal(ofType(events, "tickSize").length, 2);
});

Deno.test("kilyaaan: ids of the rows, depth as size, Binance price", async () => {
  const { events } = await importFiles(KILYAAAN);
  const instrument = ofType(events, "window")[0]!.instrument;
  assert.deepEqual([instrument.conditionId, instrument.upToken, instrument.downToken], ["0xcc", "21", "10"]);
  assert.deepEqual(ofType(events, "book").map((b) => [b.token, ...b.bids, ...b.asks]), [
    ["21", 4900, 972_230_000, 5000, 470_980_000],
    ["10", 5000, 414_660_000, 5100, 1_132_170_000],
  ]);
  assert.deepEqual(ofType(events, "fastPrice").map((p) => [p.venue, p.price]), [["binance-spot", 77187.24]]);
});

Deno.test("sellersja01: four assets, the date from the file's name, only the token that moved", async () => {
  const { summary, events } = await importFiles(SELLERSJA);
  assert.deepEqual(ofType(events, "window").map((e) => e.instrument.slug).sort(), [
    `btc-updown-5m-${START_S}`,
    `eth-updown-5m-${START_S}`,
  ]);
  const books = ofType(events, "book");
  assert.deepEqual(books.map((b) => [b.tReceive - START, b.bids[0], b.asks[0]]), [
    [2893, 5100, 5500],
    [2896, 4500, 4900],
    [16_000, 10, 100],
  ]);
  assert.deepEqual(summary.manifest.skipped, {
    "entry of the author's strategy": 1,
    "tick outside its candle": 1,
  });
  assert.equal(summary.manifest.unrecognised, 1);
  assert.deepEqual(summary.manifest.windows.map((w) => w.outcome), [null, null]);
});

Deno.test("sellersja01: ticks of the previous market at a candle's beginning are skipped, later jumps are not", async () => {
  const tick = (at: number, side: string, up: string, down: string) => {
    const [upBid, upAsk, upMid] = up.split(" ");
    const [downBid, downAsk, downMid] = down.split(" ");
    const time = `12:0${Math.floor(at / 60_000)}:${String((at % 60_000) / 1000).padStart(2, "0")}.000`;
    return `${time},${at},TICK,BTC,${side},${upBid},${upAsk},${upMid},${downBid},${downAsk},${downMid},,,`;
  };
  const head = SELLERSJA["candle_v3_20260413_1200.csv.gz"]!.split("\n")[0]!;
  const rows = [
    tick(36_000, "Up", "0.01 0.02 0.015", "0.98 0.99 0.985"),
    tick(37_000, "Down", "0.01 0.02 0.015", "0.98 0.99 0.985"),
    tick(47_000, "Down", "0.01 0.02 0.015", "0.37 0.38 0.375"),
    tick(48_000, "Up", "0.62 0.63 0.625", "0.37 0.38 0.375"),
    tick(186_000, "Up", "0.22 0.23 0.225", "0.56 0.57 0.565"),
  ];
  const { summary, events } = await importFiles({
    "candle_20260413_1200.csv": [head, ...rows, ""].join("\n"),
  });
  assert.deepEqual(ofType(events, "book").map((b) => [b.tReceive - START, b.bids[0]]), [
    [47_000, 3700],
    [48_000, 6200],
    [186_000, 2200],
  ]);
  assert.equal(summary.manifest.skipped["tick of the previous candle's market"], 2);
});

Deno.test("fullstream: both variants, strike when seen, the venue's resolution", async () => {
  const { summary, events } = await importFiles(FULLSTREAM);
  assert.equal(ofType(events, "window").length, 2);
  assert.deepEqual(ofType(events, "strike").map((e) => [e.tReceive - START, e.value, e.basis]), [
    [15_000, 77643.36752, "chainlink"],
  ]);
  assert.deepEqual(ofType(events, "resolved").map((e) => [e.tReceive - START, e.winner, e.source]), [
    [370_000, "up", "venue"],
  ]);
  assert.deepEqual(ofType(events, "oraclePrice").map((e) => e.exact), ["77638.28888", "75690.26196"]);
  assert.deepEqual(ofType(events, "fastPrice").map((e) => e.venue), ["binance-spot", "coinbase", "coinbase"]);
  assert.equal(ofType(events, "book").length, 6);
  assert.equal(summary.manifest.skipped["snapshot before the first book"], 1);
  assert.equal(summary.manifest.skipped["line of type mystery"], 1);
  assert.equal(summary.manifest.unrecognised, 1);
});

Deno.test("jonahgrigoryan: frames of our feeds stay raw, the rest becomes events, the unknown is counted", async () => {
  const { summary, events, frames } = await importFiles(JONAH);
  assert.deepEqual(frames.map((f) => [f.feed, f.tReceive - START]), [["polymarket.market", 20], [
    "binance.spot",
    30,
  ]]);
  assert.deepEqual(ofType(events, "book").map((b) => [b.token, b.tick, b.bids]), [["85", 100, [
    100,
    424_060_000,
  ]]]);
  assert.deepEqual(ofType(events, "oraclePrice").map((e) => [e.provider, e.exact]), [[
    "chainlink",
    "76568.78",
  ]]);
  assert.deepEqual(ofType(events, "fastPrice").map((e) => [e.venue, e.asset, e.price]), [[
    "coinbase",
    "sol",
    84.16,
  ]]);
  assert.equal(summary.manifest.unrecognised, 1);
  assert.equal(ofType(events, "window")[0]?.instrument.conditionId, "0xdd");
});

Deno.test("every book and resolution follows its window", async () => {
  for (const files of [CRONOS, BORISZ, LUKASZ, VALERKA, KILYAAAN, SELLERSJA, FULLSTREAM, JONAH]) {
    const { events } = await importFiles(files, { neighbours: { prices: minuteBars(START_S - 7200, 300) } });
    const tokens = new Set<string>();
    for (const event of events) {
      if (event.type === "window") tokens.add(event.instrument.upToken).add(event.instrument.downToken);
      if (event.type === "book") assert.ok(tokens.has(event.token), `${event.tReceive}`);
    }
  }
});

Deno.test("candles arrive at their close, seventy before the window, none from after its end", async () => {
  const prices = minuteBars(START_S - 36_000, 2000);
  const { summary, events } = await importFiles(VALERKA, { neighbours: { prices } });
  const bars = ofType(events, "fastBar");
  assert.ok(bars.length > 0);
  for (const bar of bars) {
    assert.equal(bar.tReceive, bar.closeMs);
    assert.equal(bar.closeMs - bar.openMs, 60_000);
    assert.ok(bar.closeMs <= START + 900_000);
  }
  assert.ok(bars.filter((b) => b.closeMs <= START).length >= 65);
  assert.equal(summary.windowsWithBars, 1);
  // The strike is the last close before the start, never the open of the minute that begins there.
  const before = bars.find((b) => b.closeMs === START)!;
  assert.deepEqual(ofType(events, "strike").map((s) => [s.tReceive, s.value, s.basis]), [
    [START, before.close, "binance-spot"],
  ]);
});

Deno.test("the finest source that covers the window is taken; a source elsewhere in time is not", async () => {
  const five = fiveMinuteBars(START_S - 86_400, 600);
  const fine = await importFiles(VALERKA, { neighbours: { five, one: minuteBars(START_S - 7200, 300) } });
  assert.ok(fine.summary.references.every((r) => r.includes("60 s")), fine.summary.references.join());
  const coarse = await importFiles(VALERKA, {
    neighbours: { five, one: minuteBars(START_S - 864_000, 300) },
  });
  assert.ok(coarse.summary.references.every((r) => r.includes("bybit") && r.includes("300 s")));
  assert.deepEqual(ofType(coarse.events, "strike").map((s) => s.basis), ["bybit"]);
  const none = await importFiles(VALERKA, { neighbours: { one: minuteBars(START_S - 864_000, 300) } });
  assert.deepEqual([ofType(none.events, "fastBar").length, ofType(none.events, "strike").length], [0, 0]);
  assert.ok(none.summary.manifest.absent.includes("fast.bars"));
});

Deno.test("a market whose venue the name does not tell is never joined, and Binance.US is not Binance", async () => {
  const bars = minuteBars(START_S - 7200, 300)["binance_spot_btcusdt_1m.csv.gz"]!;
  const neighbours = { a: { "binanceus_btcusdt_1m.csv.gz": bars }, b: { "btc_1m.csv.gz": bars } };
  const { summary } = await importFiles(VALERKA, { neighbours });
  assert.deepEqual(summary.references, []);
});

Deno.test("Chainlink prices come at the recorder's receive time and give the strike its own basis", async () => {
  const oracle = {
    "BTCUSD-prices-2026-04-13.csv.gz": [
      "feed_ts_ms,value,full_accuracy_value,server_ts_ms,recv_ms",
      ...[-2, -1, 0, 1, 2].map((s) => {
        const t = START + s * 1000;
        return `${t},6330${s + 2}.5,6330${s + 2}500000000000000000,${t + 900},${t + 1150}`;
      }),
      "",
    ].join("\n"),
  };
  const { events, summary } = await importFiles(VALERKA, {
    neighbours: { oracle, one: minuteBars(START_S - 7200, 300) },
  });
  const prices = ofType(events, "oraclePrice");
  assert.equal(prices.length, 5);
  for (const price of prices) assert.equal(price.tReceive - price.tExchange, 1150);
  assert.deepEqual(ofType(events, "strike").map((s) => [s.tReceive - START, s.value, s.basis]), [
    [1150, 63302.5, "chainlink"],
  ]);
  assert.ok(!summary.manifest.absent.includes("oracle.spot"));
});

Deno.test("the venue's own record of outcomes wins over the last quotes", async () => {
  const record = {
    "polymarket_btc_15m.csv.gz": [
      "timestamp,slug,yes_price,clob_token_id",
      `2026-04-13 12:00:00+00:00,btc-updown-15m-${START_S},0.0,1`,
      `2026-04-13 12:15:00+00:00,btc-updown-15m-${START_S + 900},0.4,1`,
      "",
    ].join("\n"),
  };
  const { summary, events } = await importFiles(BORISZ, { neighbours: { record } });
  assert.deepEqual(ofType(events, "resolved").map((e) => [e.winner, e.source]), [["down", "venue"]]);
  assert.ok(summary.manifest.notes.some((n) => n.includes("1 replace one")));
});

Deno.test("layouts are told by columns: other names change nothing, a forced layout must fit", async () => {
  const renamed = { "anything.txt.gz": VALERKA["btc15m-quotes-2026-02-02.csv.gz"]! };
  assert.equal((await importFiles(renamed)).summary.layout, "thevalerka");
  await assert.rejects(importFiles(VALERKA, { layout: "cronos" }), failsWith("NOT_A_RECORDING"));
  await assert.rejects(importFiles(VALERKA, { layout: "nonsense" }), failsWith("LAYOUT_UNKNOWN"));
});

Deno.test("reference data is recognised, said to be that, and not imported", async () => {
  const history = {
    "windows_hist.jsonl.gz": '{"ts": 1, "up_mid": 0.075, "dn_mid": 0.925, "winner": "DOWN"}\n',
  };
  await assert.rejects(importFiles(history), (error) => {
    assert.ok(error instanceof OperationError);
    assert.equal(error.code, "NOT_A_RECORDING");
    assert.match(error.message, /reference data only .*no executable quotes/);
    return true;
  });
  await withFolder(async (root) => {
    await writeFolder(join(root, "hist"), history);
    await writeFolder(join(root, "odd"), { "odd.csv": "some,other,columns\n1,2,3\n" });
    await writeFolder(join(root, "rec"), VALERKA);
    const found = await surveyPath(root);
    assert.deepEqual(found.map((c) => [c.recordings.length, c.references.length, c.unknown.length]), [
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ]);
  });
});

Deno.test("a torn recording fails clearly and leaves no tape", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "rec"), {});
    const rows = Array.from({ length: 4000 }, (_, i) => `${START + i},${START_S},0.${10 + i % 80},0.99,,,0`);
    const bytes = gzipSync(
      ["ts_ms,window_start_s,up_bid,up_ask,down_bid,down_ask,stale", ...rows].join("\n"),
    );
    await Deno.writeFile(join(root, "rec", "q.csv.gz"), bytes.subarray(0, bytes.length - 100));
    const out = join(root, "tapes", "rec");
    await assert.rejects(importRecording(join(root, "rec"), { out }), failsWith("FILE_TORN"));
    await assert.rejects(importRecording(join(root, "nowhere"), { out }), failsWith("FILE_NOT_FOUND"));
    assert.deepEqual([...Deno.readDirSync(root)].map((e) => e.name), ["rec"]);
  });
});

Deno.test("a tape is not imported again, not even from the folder above it", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "rec"), VALERKA);
    await importRecording(join(root, "rec"), { out: join(root, "rec-tape") });
    await assert.rejects(surveyPath(join(root, "rec-tape")), failsWith("NOT_A_RECORDING"));
    assert.deepEqual((await surveyPath(root)).map((c) => c.folder.name), ["rec"]);
    const again = { out: join(root, "other"), references: [join(root, "nowhere")] };
    await assert.rejects(importRecording(join(root, "rec"), again), failsWith("FILE_NOT_FOUND"));
  });
});

Deno.test("an aborted import stops and leaves nothing", async () => {
  await withFolder(async (root) => {
    await writeFolder(join(root, "rec"), VALERKA);
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(importRecording(join(root, "rec"), { out: join(root, "tape"), signal }), /enough/);
    assert.deepEqual([...Deno.readDirSync(root)].map((e) => e.name), ["rec"]);
  });
});

Deno.test("recorded numbers: float noise is rounded, anything else is refused", () => {
  assert.equal(recordedPrice("0.29000000000000004"), 2900);
  assert.equal(recordedPrice("0.9795"), 9795);
  assert.ok(Number.isNaN(recordedPrice("0.29507")));
  assert.ok(Number.isNaN(recordedPrice("")));
  assert.ok(Number.isNaN(recordedPrice("abc")));
  assert.equal(recordedSize("87.190000001"), 87_190_000);
  assert.ok(Number.isNaN(recordedSize("-1")));
});

Deno.test("the winner by last quotes: one clear side, never both, never on empty sides", () => {
  const none = { upBid: -1, upAsk: -1, downBid: -1, downAsk: -1 };
  assert.equal(winnerByQuotes(none), null);
  assert.equal(winnerByQuotes({ ...none, upBid: 9000 }), "up");
  assert.equal(winnerByQuotes({ ...none, upAsk: 1000 }), "down");
  assert.equal(winnerByQuotes({ ...none, downAsk: 1000 }), "up");
  assert.equal(winnerByQuotes({ ...none, upBid: 8900, downBid: 200 }), null);
  assert.equal(winnerByQuotes({ ...none, upBid: 9500, downBid: 9500 }), null);
});

Deno.test("the settlement rule is that of the window's day", () => {
  assert.deepEqual(settlementRuleAt("5m", Date.UTC(2026, 7, 6)), {
    kind: "spot",
    oracle: "chainlink",
    tie: "up",
  });
  const twap = (duration: "5m" | "15m", day: number) => {
    const rule = settlementRuleAt(duration, Date.UTC(2026, 7, day));
    return rule.kind === "twap" ? rule.averagingSeconds : null;
  };
  assert.deepEqual([twap("5m", 8), twap("15m", 8), twap("5m", 14), twap("15m", 14)], [30, 60, 60, 60]);
});

Deno.test("synthetic ids are stable, distinct and in the venue's form", () => {
  const a = syntheticIdentity("btc-updown-5m-1");
  assert.deepEqual(a, syntheticIdentity("btc-updown-5m-1"));
  assert.match(a.conditionId, /^0x[0-9a-f]{64}$/);
  assert.match(a.upToken, /^\d{60,78}$/);
  assert.equal(new Set([a.upToken, a.downToken, syntheticIdentity("btc-updown-5m-2").upToken]).size, 3);
});

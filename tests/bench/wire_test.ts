import assert from "node:assert/strict";
import {
  caseFigures,
  type EngineAnswer,
  missesOf,
  notesOf,
  STAGE_NAMES,
  stageGrid,
  stageOf,
  summaryGrid,
  SYNC,
  WITH_SYNC,
  WITHOUT_SYNC,
} from "../../bench/wire_figures.ts";
import { clientFrames, frameOf, type RawSocket, serveSockets } from "../../bench/wire_socket.ts";
import { STAMP_CHARS, stamped, stampOf } from "../../bench/wire_stamp.ts";
import { wirePage } from "../../bench/wire_page.ts";
import type { OrderStamps } from "../../commands/trading/order_stamps.ts";
import { ms } from "../../core/units.ts";

/** Stages of 10, 20, 100, 30, `syncUs`, 40 us. */
function orderAt(receivedUs: number, syncUs: number): OrderStamps {
  const at = (us: number) => receivedUs + us;
  return {
    ...{
      orderId: "1",
      slug: "s",
      asset: "btc",
      window: "5m",
      side: "buy",
      orderType: "FOK",
      bornAtMs: ms(1),
    },
    ...{
      receivedUs,
      handledUs: at(10),
      decodedUs: at(30),
      bookUs: at(40),
      featuresUs: at(50),
      policyUs: at(60),
    },
    ...{
      gateUs: at(70),
      sentUs: at(80),
      takenUs: at(130),
      signedUs: at(160),
      journalledUs: at(160 + syncUs),
    },
    ...{ writtenUs: at(200 + syncUs), ackUs: null, matchedUs: null, confirmedUs: null, presigned: true },
  };
}

const AGES = { n: 1, p50: 1, p99: 2, max: 3 };

function answerOf(syncs: readonly number[]): EngineAnswer {
  return {
    orders: syncs.map((sync, i) => ({
      row: orderAt(i * 10_000, sync),
      salt: String(i),
      ageMs: i,
      writtenMs: 1_000,
    })),
    unsent: 0,
    ageMs: { all: AGES, books: AGES, changes: AGES },
    mostWaiting: 4,
    rates: { received: 100, handled: 90, leftOut: 10 },
    untrusted: 0,
    voids: 0,
    refused: { BOOK_UNTRUSTED: 3 },
    coreWait: 0.1,
    runtime: { loopLagUs: null, gcPauseUs: null, gcTotalMs: 0, gcKinds: {} },
  };
}

const arrivals = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [i, 1_000.5]));

Deno.test("an order's stages add up to its whole way, with the sync and without", () => {
  const of = caseFigures({ markets: 8, burst: 0, flood: null }, answerOf([800, 800]), arrivals(2));
  assert.deepEqual(STAGE_NAMES.map((name) => stageOf(of, name).p50Us), [10, 20, 100, 30, 800, 40]);
  assert.deepEqual([stageOf(of, WITH_SYNC).p50Us, stageOf(of, WITHOUT_SYNC).p50Us], [1_000, 200]);
  const shares = STAGE_NAMES.map((name) => stageOf(of, name).share!);
  assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-9);
  assert.equal(stageOf(of, SYNC).share, 0.8);
  assert.deepEqual([stageOf(of, "decide").shareWithoutSync, stageOf(of, SYNC).shareWithoutSync], [0.5, null]);
  assert.equal(stageOf(of, "written to venue").p50Us, 500);
  assert.deepEqual([of.orderAgeMs.n, of.orderAgeMs.max], [2, 1]);
});

Deno.test("an order of a clock counts as an order, and not as one caused by a frame", () => {
  const answer = answerOf([1, 1]);
  const clock = { ...answer.orders[1]!, row: { ...answer.orders[1]!.row, receivedUs: NaN, handledUs: NaN } };
  const of = caseFigures(
    { markets: 1, burst: 0, flood: null },
    { ...answer, orders: [answer.orders[0]!, clock] },
    arrivals(2),
  );
  assert.deepEqual([of.orders, of.byFrame, of.missing], [2, 1, 0]);
});

Deno.test("a missed target is named with its case; met ones are not", () => {
  const good = caseFigures({ markets: 8, burst: 0, flood: null }, answerOf([9_000]), arrivals(1));
  assert.deepEqual(missesOf(good), []);
  const lost = caseFigures({ markets: 8, burst: 0, flood: null }, answerOf([1, 1]), arrivals(1));
  assert.deepEqual(missesOf(lost), ["8 markets, idle: 1 orders were written and never seen by the venue"]);
  const slow = answerOf([1]);
  const late = {
    ...slow.orders[0]!,
    row: {
      ...slow.orders[0]!.row,
      handledUs: 5_000,
      decodedUs: 5_020,
      takenUs: 5_120,
      signedUs: 5_150,
      journalledUs: 5_151,
      writtenUs: 5_191,
    },
  };
  const found = missesOf(
    caseFigures({ markets: 1, burst: 0, flood: null }, { ...slow, orders: [late] }, arrivals(1)),
  );
  assert.deepEqual(found, [
    "1 market, idle: tick to wire without the sync, p50 5190 us, target 300",
    "1 market, idle: tick to wire without the sync, p99 5190 us, target 2000",
  ]);
  const none = missesOf(caseFigures({ markets: 1, burst: 0, flood: null }, answerOf([]), {}));
  assert.deepEqual(none, ["1 market, idle: no order was caused by a frame"]);
});

Deno.test("under a burst age and queue have targets, and a flood that falls short is said", () => {
  const flood = { perSecond: 12_000, unsent: 7, heldMs: 1 };
  const answer = {
    ...answerOf([1]),
    ageMs: { all: { ...AGES, p99: 31.25 }, books: AGES, changes: AGES },
    mostWaiting: 9_000,
  };
  const of = caseFigures({ markets: 4, burst: 20_000, flood }, answer, arrivals(1));
  assert.ok(notesOf([of]).includes("4 markets, 20,000/s: wishes not sent: BOOK_UNTRUSTED 3"));
  assert.deepEqual(missesOf(of), [
    "4 markets, 20,000/s: age of the frames acted on, p99 31.3 ms, target 20",
    "4 markets, 20,000/s: 9000 frames waited at once, target 1500",
    "4 markets, 20,000/s: 7 frames could not be sent: 4 MB lay unread",
  ]);
  assert.ok(notesOf([of]).some((note) => note.includes("sent 12000 frames a second, not 20000")));
});

Deno.test("grids have a cell for every column, and the page holds them, escaped, and loads nothing", () => {
  const cases = [0, 20_000].map((burst) =>
    caseFigures({ markets: 8, burst, flood: null }, answerOf([800, 900]), arrivals(2))
  );
  for (const grid of [summaryGrid(cases), stageGrid(cases)]) {
    for (const row of grid.rows) assert.equal(row.length, grid.head.length);
  }
  const page = wirePage({
    ...{ seconds: 5, deltas: 0.25, without: [], v8Flags: null, machine: "load <1>", cases },
    ...{ misses: ["a miss"], notes: [] },
  });
  assert.ok(
    page.includes("8 markets, 20,000/s") && page.includes("load &lt;1&gt;") && page.includes("a miss"),
  );
  assert.equal(page.match(/<rect x=/g)?.length, 2 * (STAGE_NAMES.length * 2 - 1));
  assert.ok(!/(?:src|href)="(?!#)/.test(page));
});

Deno.test("a stamp is read back from a frame's end and nowhere else", () => {
  const text = stamped('{"stream":"btcusdt@depth20@100ms","data":{"u":1}}', 1_795_253_700_000.1234);
  assert.equal(stampOf(text), 1_795_253_700_000.123);
  assert.equal(JSON.parse(text).data.u, 1);
  assert.equal(text.length - text.lastIndexOf(":") - 2, STAMP_CHARS);
  for (const other of ["", "PONG", "[1]", '{"at":1}', '{"a":"x,\\"at\\":1795253700000.123"}']) {
    assert.ok(Number.isNaN(stampOf(other)));
  }
  assert.equal(stamped("[1]", 1), "[1]");
});

Deno.test("frames of every length are read by a socket of the runtime, and its own are understood", async () => {
  const heard: string[] = [];
  let server: RawSocket | null = null;
  const opened = Promise.withResolvers<string>();
  const answered = Promise.withResolvers<void>();
  const listener = serveSockets((path, socket) => {
    server = socket;
    socket.onText = (text) => {
      heard.push(text);
      if (heard.length === 3) answered.resolve();
    };
    opened.resolve(path);
  });
  const { port } = listener.addr as Deno.NetAddr;
  const client = new WebSocket(`ws://127.0.0.1:${port}/ws/market?x=1`);
  const came: string[] = [];
  const all = Promise.withResolvers<void>();
  client.onmessage = ({ data }) => {
    came.push(String(data));
    if (came.length === 4) all.resolve();
  };
  await new Promise((open) => client.onopen = open);
  assert.equal(await opened.promise, "/ws/market?x=1");
  const texts = [0, 125, 126, 70_000].map((length) => "a".repeat(length));
  // Several frames of one write arrive as several.
  const frames = texts.map((text) => frameOf(new TextEncoder().encode(text)).bytes);
  const joined = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of frames) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  server!.bytes(joined);
  await all.promise;
  assert.deepEqual(came, texts);
  for (const text of ["PING", "é", "b".repeat(100_000)]) client.send(text);
  await answered.promise;
  assert.deepEqual(heard, ["PING", "é", "b".repeat(100_000)]);
  assert.equal(server!.waiting, 0);
  const closed = new Promise((close) => client.onclose = close);
  client.close();
  await closed;
  listener.close();
});

Deno.test("half a frame of the client waits for its other half", () => {
  const mask = [1, 2, 3, 4];
  const payload = [...new TextEncoder().encode("hello")].map((byte, i) => byte ^ mask[i & 3]!);
  const whole = Uint8Array.from([0x81, 0x80 | 5, ...mask, ...payload]);
  for (let cut = 0; cut < whole.length; cut++) {
    assert.deepEqual(clientFrames(whole.subarray(0, cut)), { frames: [], taken: 0 });
  }
  const { frames, taken } = clientFrames(Uint8Array.from([...whole, ...whole, 0x81]));
  assert.deepEqual(frames.map((frame) => new TextDecoder().decode(frame.payload)), ["hello", "hello"]);
  assert.equal(taken, whole.length * 2);
});

import assert from "node:assert/strict";
import type { BookDeltaEvent, BookEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import type { Clock } from "../../../feeds/clock.ts";
import { BookResync } from "../../../feeds/polymarket/book_resync.ts";

const TOKEN = "1001";
const T0 = 1_795_253_700_000;
const log = { debug: () => {}, info: () => {}, warn: () => {} };

/** Books by hand: each question waits for its answer, each answer for its turn. */
function rig() {
  const asked: ((stampMs: number) => void)[] = [];
  const taken: BookEvent[] = [];
  const turns: (() => void)[] = [];
  let asking = Promise.withResolvers<void>();
  const clock: Clock = {
    now: () => ms(T0),
    monotonicUs: () => 0,
    speed: 1,
    sleep: () => Promise.resolve(),
  };
  const stop = new AbortController();
  const resync = new BookResync({
    http: {
      get: () =>
        new Promise((resolve) => {
          asked.push((stampMs) =>
            resolve({ event_type: "book", asset_id: TOKEN, timestamp: String(stampMs), bids: [], asks: [] })
          );
          asking.resolve();
        }),
      post: () => Promise.reject(new Error("no")),
    },
    clob: "http://clob",
    clock,
    log,
    signal: stop.signal,
    offer: (event, holds) =>
      new Promise((resolve) =>
        turns.push(() => {
          const good = holds();
          if (good) taken.push(event);
          resolve(good);
        })
      ),
  });
  /** The next question has been asked. */
  const question = async (): Promise<void> => {
    if (asked.length === 0) await asking.promise;
    asking = Promise.withResolvers();
  };
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { resync, asked, taken, turns, question, settle, stop };
}

const delta = (atMs: number): BookDeltaEvent => ({
  type: "bookDelta",
  token: TOKEN,
  changes: [0, 4900, 1],
  bestBid: -1,
  bestAsk: -1,
  tExchange: ms(atMs),
  tReceive: ms(atMs),
});

Deno.test("a book that was asked for before changes were left out does not count", async () => {
  const { asked, question, resync, settle, taken, turns } = rig();
  resync.lost(TOKEN);
  await question();
  resync.lost(TOKEN);
  asked.shift()!(T0 + 10);
  await question();
  assert.equal(turns.length, 0);
  asked.shift()!(T0 + 11);
  await settle();
  turns.shift()!();
  await resync.closed();
  assert.deepEqual(taken.map(({ tExchange }) => tExchange), [T0 + 11]);
  assert.equal(resync.pending, 0);
});

Deno.test("a change that waited before the book and is newer than it has the book read again", async () => {
  const { asked, question, resync, settle, taken, turns } = rig();
  resync.request(TOKEN);
  await question();
  asked.shift()!(T0 + 10);
  await settle();
  resync.saw(delta(T0 + 12));
  turns.shift()!();
  await question();
  asked.shift()!(T0 + 12);
  await settle();
  turns.shift()!();
  await resync.closed();
  assert.deepEqual(taken.map(({ tExchange }) => tExchange), [T0 + 12]);
});

Deno.test("changes lost after a snapshot of the socket ask anew, and the old question is forgotten", async () => {
  const { asked, question, resync, settle, taken, turns } = rig();
  resync.request(TOKEN);
  await question();
  resync.saw({ type: "book", token: TOKEN, bids: [], asks: [], tExchange: ms(T0), tReceive: ms(T0) });
  resync.lost(TOKEN);
  await settle();
  assert.equal(asked.length, 2);
  asked.shift()!(T0 + 10);
  asked.shift()!(T0 + 11);
  await settle();
  assert.equal(turns.length, 1);
  turns.shift()!();
  await resync.closed();
  assert.deepEqual(taken.map(({ tExchange }) => tExchange), [T0 + 11]);
  assert.equal(resync.pending, 0);
});

import assert from "node:assert/strict";
import type { BookEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { scaledClock } from "../../../feeds/clock.ts";
import { httpClient } from "../../../feeds/net/http.ts";
import { checkBooks, judgeSilence } from "../../../feeds/polymarket/book_check.ts";
import { ShadowBooks } from "../../../feeds/polymarket/shadow_books.ts";

const NOW = ms(1_795_253_805_000);
const SEEN = { token: "T", seen: true };
const log = { debug: () => {}, info: () => {}, warn: () => {} };

const book = (
  at: number,
  bids: number[] = [5000, 1_000_000],
  asks: number[] = [5100, 1_000_000],
): BookEvent => ({
  type: "book",
  token: "T",
  bids,
  asks,
  tExchange: ms(at),
  tReceive: NOW,
});

Deno.test("the levels decide between quiet and frozen, whatever the venue stamps", () => {
  const ours = new ShadowBooks();
  ours.replace(book(NOW));
  assert.equal(judgeSilence(book(NOW), ours, SEEN), "quiet");
  assert.equal(judgeSilence(book(NOW + 5000), ours, SEEN), "quiet", "a newer stamp on the same book");
  assert.equal(judgeSilence(book(NOW + 1, [4900, 1_000_000]), ours, SEEN), "newer");
  assert.equal(judgeSilence(book(NOW - 1, [4900, 1_000_000]), ours, SEEN), "unknown", "out of a cache");
  ours.change({
    type: "bookDelta",
    token: "T",
    changes: [0, 5000, 0, 0, 4900, 1_000_000],
    bestBid: 4900,
    bestAsk: 5100,
    tExchange: ms(NOW + 1),
    tReceive: NOW,
  });
  assert.equal(
    judgeSilence(book(NOW + 2, [4900, 1_000_000]), ours, SEEN),
    "quiet",
    "after the change that says so",
  );
});

Deno.test("no book is nothing to tell; a book that this socket has not shown is no quiet market", () => {
  const ours = new ShadowBooks();
  assert.equal(judgeSilence(undefined, ours, SEEN), "quiet");
  assert.equal(judgeSilence(book(NOW), ours, SEEN), "unknown");
  ours.replace(book(NOW));
  assert.equal(
    judgeSilence(book(NOW), ours, { token: "T", seen: false }),
    "unknown",
    "known from another socket",
  );
});

Deno.test("all silent tokens are asked for in one call; an unreachable host proves nothing", async () => {
  const bodies: string[] = [];
  let fail = false;
  const network = {
    fetch: (_url: string, init: RequestInit) => {
      if (fail) return Promise.reject(new TypeError("gone"));
      bodies.push(String(init.body));
      const row = { asset_id: "T", timestamp: String(NOW), bids: [{ price: "0.5", size: "1" }], asks: [] };
      return Promise.resolve(Response.json([row]));
    },
  };
  const clock = scaledClock(NOW, 1000);
  const http = httpClient({ network, clock, random: () => 0 });
  const options = { http, clob: "http://x", clock, log, signal: new AbortController().signal };
  const ours = new ShadowBooks();
  ours.replace(book(NOW, [5000, 1_000_000], []));
  const answers = await checkBooks(options, ["T", "U"], ours, () => true);
  assert.deepEqual([...answers], [["T", "quiet"], ["U", "quiet"]]);
  assert.deepEqual(bodies, ['[{"token_id":"T"},{"token_id":"U"}]']);
  fail = true;
  assert.equal((await checkBooks(options, ["T"], ours, () => true)).size, 0);
});

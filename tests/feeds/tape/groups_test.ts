import assert from "node:assert/strict";
import { join } from "node:path";
import type { FastPriceEvent } from "../../../core/events.ts";
import { type Ms, ms } from "../../../core/units.ts";
import type { RawFrame } from "../../../feeds/tape/format.ts";
import { openTape } from "../../../feeds/tape/reader.ts";
import { createTapeWriter } from "../../../feeds/tape/writer.ts";
import { withFolder } from "./recordings.ts";

const price = (t: number, value: number): FastPriceEvent => ({
  type: "fastPrice",
  tExchange: ms(t),
  tReceive: ms(t),
  venue: "bybit",
  asset: "btc",
  price: value,
});
const frame = (t: number, raw: string): RawFrame => ({ feed: "binance.spot", tReceive: ms(t), raw });

/** A frame "a|b" becomes one price per part. */
const decode = (_feed: string, raw: string, tReceive: Ms) =>
  raw === "" ? [] : raw.split("|").map((part) => price(tReceive, Number(part)));

Deno.test("groups() keeps a frame whole and alone, and joins normalised events of one millisecond", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const writer = await createTapeWriter({
      out,
      header: { source: "test", layout: "recorded", licence: "none" },
      segmentLines: 3,
    });
    await writer.write([
      price(5, 1),
      price(5, 2),
      frame(5, "3|4"),
      frame(5, "5"),
      frame(5, ""),
      price(5, 6),
      price(6, 7),
      price(6, 8),
    ]);
    await writer.finish({
      assets: ["btc"],
      durations: ["5m"],
      windows: [],
      absent: [],
      skipped: {},
      unrecognised: 0,
      notes: [],
    });
    const tape = await openTape(out, { decode });
    const groups: number[][] = [];
    for await (const batch of tape.groups()) {
      groups.push(...batch.map((group) => group.map((event) => (event as FastPriceEvent).price)));
    }
    assert.deepEqual(groups, [[1, 2], [3, 4], [5], [6], [7, 8]]);
  });
});

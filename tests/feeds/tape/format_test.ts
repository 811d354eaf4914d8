import assert from "node:assert/strict";
import { join } from "node:path";
import { Writable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { OperationError } from "../../../core/errors.ts";
import type { BookEvent, FastPriceEvent, MarketEvent } from "../../../core/events.ts";
import { ms } from "../../../core/units.ts";
import { decodeLine, encodeEntry } from "../../../feeds/tape/event_codec.ts";
import { CHAIN_START, chainHash, sha256, type TapeEntry } from "../../../feeds/tape/format.ts";
import { recordedInstrument } from "../../../feeds/tape/importers/instruments.ts";
import { fromArray, mergeByTime, reorder } from "../../../feeds/tape/merge.ts";
import { openTape } from "../../../feeds/tape/reader.ts";
import { verifyTape } from "../../../feeds/tape/verify.ts";
import { createTapeWriter, type TapeSummary, type TapeWriterOptions } from "../../../feeds/tape/writer.ts";
import { withFolder } from "./recordings.ts";

const HEADER = { source: "test", layout: "recorded", licence: "none" };
const SUMMARY: TapeSummary = {
  assets: ["btc"],
  durations: ["5m"],
  windows: [],
  absent: [],
  skipped: {},
  unrecognised: 0,
  notes: [],
};

const at = (t: number) => ({ tExchange: ms(t), tReceive: ms(t) });
const priceAt = (t: number, price: number): FastPriceEvent => ({
  type: "fastPrice",
  ...at(t),
  venue: "bybit",
  asset: "btc",
  price,
});

async function write(out: string, entries: readonly TapeEntry[], options: Partial<TapeWriterOptions> = {}) {
  const writer = await createTapeWriter({ out, header: HEADER, ...options });
  try {
    await writer.write(entries);
    return await writer.finish(SUMMARY);
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function read(path: string): Promise<TapeEntry[]> {
  const all: TapeEntry[] = [];
  for await (const batch of (await openTape(path)).entries()) all.push(...batch);
  return all;
}

const failsWith = (code: string) => (error: unknown): boolean => {
  assert.ok(error instanceof OperationError, String(error));
  assert.equal(error.code, code);
  return true;
};

async function flipByte(path: string, index: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[index] = bytes[index]! ^ 1;
  await Deno.writeFile(path, bytes);
}

const anyTime = fc.integer({ min: 0, max: 4_102_444_800_000 });
const anyLevels = fc.array(fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 0, max: 1e12 })), {
  maxLength: 12,
}).map((levels) => levels.flat());
const anyText = fc.string({ unit: "grapheme", maxLength: 40 });
const anyEntry: fc.Arbitrary<TapeEntry> = fc.oneof(
  fc.record({ token: anyText, bids: anyLevels, asks: anyLevels, t: anyTime }).map((
    { t, ...rest },
  ): BookEvent => ({
    type: "book",
    ...at(t),
    ...rest,
  })),
  fc.record({ t: anyTime, price: fc.double({ min: 0, max: 1e6, noNaN: true }).map((p) => p + 0) })
    .map(({ t, price }) => priceAt(t, price)),
  fc.record({ t: anyTime, raw: anyText }).map(({ t, raw }): TapeEntry => ({
    feed: "polymarket.market",
    tReceive: ms(t),
    raw,
  })),
  anyTime.map((t): MarketEvent => ({ type: "clock", ...at(t) })),
);

Deno.test("whatever is written in order is read back the same, over any segment length", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEntry, { maxLength: 60 }),
      fc.integer({ min: 1, max: 25 }),
      async (entries, lines) => {
        const ordered = [...entries].sort((a, b) => a.tReceive - b.tReceive);
        await withFolder(async (root) => {
          const out = join(root, "tape");
          const manifest = await write(out, ordered, { segmentLines: lines });
          assert.equal(manifest.files.length, Math.ceil(ordered.length / lines));
          assert.deepEqual(await read(out), ordered);
          assert.equal((await verifyTape(out)).ok, true);
        });
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("the chain links every file as the format document says", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const entries = Array.from({ length: 25 }, (_, i) => priceAt(1000 + i, i + 1));
    const manifest = await write(out, entries, { segmentLines: 10 });
    let chain = CHAIN_START;
    for (const file of manifest.files) {
      const hash = sha256(await Deno.readFile(join(out, file.name)));
      chain = sha256(chain + hash);
      assert.equal(file.sha256, hash);
      assert.equal(file.chain, chain);
    }
    assert.equal(manifest.files[0]!.chain, chainHash("0".repeat(64), manifest.files[0]!.sha256));
    assert.deepEqual([manifest.from, manifest.to, manifest.events], [1000, 1024, 25]);
    assert.deepEqual(manifest.counts, { fastPrice: 25 });
  });
});

Deno.test("verify finds one flipped byte and names the file", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const manifest = await write(out, Array.from({ length: 30 }, (_, i) => priceAt(i, i)), {
      segmentLines: 10,
    });
    assert.equal((await verifyTape(out)).firstDamage, null);
    await flipByte(join(out, "events-00002.jsonl.gz"), Math.floor(manifest.files[1]!.bytes / 2));
    const result = await verifyTape(out);
    assert.equal(result.ok, false);
    assert.equal(result.firstDamage?.file, "events-00002.jsonl.gz");
    assert.equal(result.firstDamage?.kind, "hash");
    assert.equal(result.lines, 10);
  });
});

Deno.test("verify finds a manifest whose chain was rewritten, a missing file and a wrong line count", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    await write(out, Array.from({ length: 20 }, (_, i) => priceAt(i, i)), { segmentLines: 10 });
    const path = join(out, "tape.json");
    const text = await Deno.readTextFile(path);
    const change = async (edit: (m: { files: { chain: string; lines: number }[] }) => void) => {
      const manifest = JSON.parse(text);
      edit(manifest);
      await Deno.writeTextFile(path, JSON.stringify(manifest));
      return (await verifyTape(out)).firstDamage;
    };
    assert.equal((await change((m) => m.files[1]!.chain = "f".repeat(64)))?.kind, "chain");
    assert.equal((await change((m) => m.files[0]!.lines = 9))?.kind, "lines");
    await Deno.writeTextFile(path, text);
    await Deno.remove(join(out, "events-00002.jsonl.gz"));
    const missing = (await verifyTape(out)).firstDamage;
    assert.deepEqual([missing?.kind, missing?.file], ["missing", "events-00002.jsonl.gz"]);
  });
});

Deno.test("a cut segment of a finished tape is an error that says so", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    await write(out, Array.from({ length: 5000 }, (_, i) => priceAt(i, Math.sqrt(i))));
    const file = join(out, "events-00001.jsonl.gz");
    const bytes = await Deno.readFile(file);
    await Deno.writeFile(file, bytes.subarray(0, bytes.length - 200));
    await assert.rejects(read(out), failsWith("FILE_TORN"));
    assert.equal((await verifyTape(out)).firstDamage?.kind, "size");
  });
});

Deno.test("a stopped writer leaves a tape that reads to its last whole line, with warnings", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const writer = await createTapeWriter({ out, header: HEADER, segmentLines: 10 });
    await writer.write(Array.from({ length: 20 }, (_, i) => priceAt(i, i)));
    const partial = `${out}.partial`;
    // The segment a killed process was writing: its gzip stream ends without a trailer.
    const open = gzipSync(
      Array.from({ length: 3000 }, (_, i) => `${encodeEntry(priceAt(20 + i, Math.sin(i)))}\n`).join(""),
    );
    await Deno.writeFile(join(partial, "events-00003.jsonl.gz"), open.subarray(0, open.length - 500));
    const tape = await openTape(partial);
    const entries: TapeEntry[] = [];
    for await (const batch of tape.entries()) entries.push(...batch);
    assert.ok(entries.length > 20 && entries.length < 3020, `read ${entries.length}`);
    assert.deepEqual(entries[20], priceAt(20, Math.sin(0)));
    assert.deepEqual(tape.warnings.map((w) => w.code), ["TAPE_INCOMPLETE", "FILE_TORN"]);
    assert.equal((await verifyTape(partial)).firstDamage?.kind, "torn");
    await assert.rejects(createTapeWriter({ out, header: HEADER }), failsWith("TAPE_PARTIAL"));
  });
});

Deno.test("malformed lines are counted and passed over", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    await write(out, [priceAt(1, 1), priceAt(2, 2)]);
    const file = join(out, "events-00001.jsonl.gz");
    const text = new TextDecoder().decode(gunzipSync(await Deno.readFile(file)));
    const bad = [
      "{",
      '"text"',
      '{"type":"book","tReceive":3}',
      '{"type":"unheard","tExchange":3,"tReceive":3}',
    ];
    await Deno.writeFile(file, gzipSync([...bad, text.trimEnd()].join("\n") + "\n"));
    const tape = await openTape(out);
    const events: MarketEvent[] = [];
    for await (const batch of tape.events()) events.push(...batch);
    assert.deepEqual(events, [priceAt(1, 1), priceAt(2, 2)]);
    assert.equal(tape.counts.unrecognised, 4);
    assert.equal(tape.counts.lines, 6);
  });
});

Deno.test("raw frames go through the caller's codec, and are counted without one", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    await write(out, [{ feed: "binance.spot", tReceive: ms(5), raw: "7.5" }]);
    const plain = await openTape(out);
    for await (const _ of plain.events()) assert.fail("nothing can be decoded without a codec");
    assert.equal(plain.counts.undecoded, 1);
    const decoding = await openTape(out, {
      decode: (feed, raw, t) => [{ ...priceAt(t, Number(raw) + feed.length) }],
    });
    const events: MarketEvent[] = [];
    for await (const batch of decoding.events()) events.push(...batch);
    assert.deepEqual(events, [priceAt(5, 19.5)]);
  });
});

Deno.test("a full disk is DISK_FULL and leaves nothing", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const full = () =>
      new Writable({
        write(_chunk, _encoding, done) {
          done(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
        },
      });
    await assert.rejects(write(out, [priceAt(1, 1)], { createSink: full }), failsWith("DISK_FULL"));
    assert.deepEqual([...Deno.readDirSync(root)], []);
  });
});

Deno.test("an existing tape is kept unless force, a foreign folder always", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    await write(out, [priceAt(1, 1)]);
    await assert.rejects(write(out, [priceAt(2, 2)]), failsWith("TAPE_EXISTS"));
    assert.deepEqual(await read(out), [priceAt(1, 1)]);
    await write(out, [priceAt(2, 2)], { force: true });
    assert.deepEqual(await read(out), [priceAt(2, 2)]);
    const foreign = join(root, "thesis");
    await Deno.mkdir(foreign);
    await Deno.writeTextFile(join(foreign, "chapter1.txt"), "years of work");
    await assert.rejects(write(foreign, [priceAt(1, 1)], { force: true }), failsWith("TAPE_EXISTS"));
    assert.equal(await Deno.readTextFile(join(foreign, "chapter1.txt")), "years of work");
  });
});

Deno.test("an event before the last one is refused", async () => {
  await withFolder(async (root) => {
    await assert.rejects(write(join(root, "tape"), [priceAt(2, 1), priceAt(1, 1)]), failsWith("TAPE_ORDER"));
  });
});

Deno.test("opening something else says what is wrong with it", async () => {
  await withFolder(async (root) => {
    await assert.rejects(openTape(join(root, "nowhere")), failsWith("FILE_NOT_FOUND"));
    await assert.rejects(openTape(root), failsWith("NOT_A_TAPE"));
    await Deno.writeTextFile(join(root, "tape.json"), '{"schema":"poly-edge-tape/9"}');
    await assert.rejects(openTape(root), failsWith("TAPE_INVALID"));
  });
});

Deno.test("a window line keeps its instrument, and a broken instrument is no event", () => {
  const instrument = recordedInstrument({
    asset: "btc",
    duration: "5m",
    startMs: 1776081600000,
    mirrorOf: "down",
  });
  const event: MarketEvent = { type: "window", ...at(1), instrument };
  assert.deepEqual(decodeLine(encodeEntry(event)), event);
  assert.equal(
    decodeLine(encodeEntry({ ...event, instrument: { ...instrument, tick: 0.5 } } as never)),
    null,
  );
  assert.equal(
    decodeLine('{"type":"book","tExchange":1,"tReceive":1,"token":"1","bids":[10001,5],"asks":[]}'),
    null,
  );
  assert.equal(decodeLine('{"type":"constructor","tExchange":1,"tReceive":1}'), null);
});

Deno.test("merging keeps time order and the order of streams at equal times", async () => {
  const sortedTimes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 30 }).map((t) =>
    t.sort((a, b) => a - b)
  );
  await fc.assert(fc.asyncProperty(fc.array(sortedTimes, { maxLength: 5 }), async (streams) => {
    const tagged = streams.map((times, stream) =>
      times.map((t, index) => ({ tReceive: ms(t), stream, index }))
    );
    const merged = [];
    for await (const batch of mergeByTime(tagged.map(fromArray))) merged.push(...batch);
    const expected = tagged.flat().sort((a, b) =>
      a.tReceive - b.tReceive || a.stream - b.stream || a.index - b.index
    );
    assert.deepEqual(merged, expected);
  }));
});

Deno.test("reordering repairs a small swap and drops what comes too late", async () => {
  const late: number[] = [];
  const times = [1, 3, 2, 4, 5, 6, 7, 1];
  const stream = fromArray(times.map((t) => ({ tReceive: ms(t) })));
  const small = async function* () {
    for await (const batch of stream) for (const entry of batch) yield [entry];
  };
  const out: number[] = [];
  for await (const batch of reorder(small(), 2, (e) => late.push(e.tReceive))) {
    out.push(...batch.map((e) => e.tReceive));
  }
  assert.deepEqual(out, [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(late, [1]);
});

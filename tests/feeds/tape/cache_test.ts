import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import type { MarketEvent } from "../../../core/events.ts";
import { ms, type Price, type Shares } from "../../../core/units.ts";
import { CacheDamaged, CacheFile, CacheWriter } from "../../../feeds/tape/cache/cache_file.ts";
import { hashSources } from "../../../feeds/tape/cache/code_hash.ts";
import { BlockCursor, copyEvent } from "../../../feeds/tape/cache/cursor.ts";
import { BlockEncoder } from "../../../feeds/tape/cache/encoder.ts";
import { BLOCK_EVENTS } from "../../../feeds/tape/cache/layout.ts";
import { clearCaches, listCaches, readyCache, replay, trimCache } from "../../../feeds/tape/cache/store.ts";
import { tapeDecoder } from "../../../feeds/tape/codecs.ts";
import { importFound, surveyPath } from "../../../feeds/tape/import.ts";
import { MANIFEST_NAME } from "../../../feeds/tape/format.ts";
import { openTape, type Tape } from "../../../feeds/tape/reader.ts";
import { syntheticQuotes } from "../../commands/synthetic_recording.ts";
import { withFolder, writeFolder } from "./recordings.ts";

type Step = [MarketEvent, boolean];

const T0 = 1_776_081_600_000;
const open = (path: string): Promise<Tape> => openTape(path, { decode: tapeDecoder().decode });

async function tapeSteps(tape: Tape): Promise<Step[]> {
  const steps: Step[] = [];
  for await (const groups of tape.groups()) {
    for (const group of groups) group.forEach((event, i) => steps.push([event, i + 1 < group.length]));
  }
  return steps;
}

async function cacheSteps(file: CacheFile): Promise<Step[]> {
  const steps: Step[] = [];
  await file.replay((event, more) => steps.push([copyEvent(event), more]));
  return steps;
}

/** Events through the columns and back. */
function throughBlocks(steps: readonly Step[]): Step[] {
  const encoder = new BlockEncoder();
  const cursor = new BlockCursor();
  const back: Step[] = [];
  const flush = () => {
    assert.ok(cursor.load(encoder.close().bytes as Uint8Array<ArrayBuffer>));
    cursor.run((event, more) => back.push([copyEvent(event), more]));
  };
  for (const [event, more] of steps) {
    if (!encoder.add(event, more)) {
      flush();
      assert.ok(encoder.add(event, more));
    }
    if (encoder.full) flush();
  }
  if (encoder.events > 0) flush();
  return back;
}

async function withTape(use: (tape: string, root: string) => Promise<void>, windows = 2): Promise<void> {
  await withFolder(async (root) => {
    await writeFolder(join(root, "quotes"), syntheticQuotes(windows));
    const found = (await surveyPath(join(root, "quotes"))).flatMap((content) => content.recordings);
    await importFound(found[0]!, { out: join(root, "tape") });
    await use(join(root, "tape"), root);
  });
}

const time = fc.integer({ min: T0, max: T0 + 100_000_000 });
const token = fc.constantFrom("1", "7674", "10423989803880713605239980015140852146773707593396499116259");
const asset = fc.constantFrom("btc", "eth", "sol", "xrp");
const venue = fc.constantFrom("binance-futures", "binance-spot", "bybit", "coinbase");
const price = fc.integer({ min: 0, max: 10_000 });
const quote = fc.oneof(fc.constant(-1), price);
const size = fc.oneof(
  fc.integer({ min: 0, max: 500 }).map((n) => n * 10_000),
  fc.integer({ min: 0, max: 2 ** 33 }),
  fc.constant(Number.MAX_SAFE_INTEGER),
);
const double = fc.double({ noNaN: true, noDefaultInfinity: true });
/** Of events that a tape and its cache keep as text, which has no negative zero. */
const told = double.map((value) => value === 0 ? 0 : value);
const side = fc.constantFrom("buy", "sell");
const levels = fc.array(fc.tuple(price, size), { maxLength: 30 }).map((rows) => rows.flat());
const fastLevels = fc.array(fc.tuple(double, double), { maxLength: 22 }).map((rows) => rows.flat());
const changes = fc.array(fc.tuple(fc.constantFrom(0, 1), price, size), { maxLength: 9 })
  .map((rows) => rows.flat());
const of = (type: MarketEvent["type"], fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ type: fc.constant(type), tExchange: time, tReceive: time, ...fields }, {
    noNullPrototype: true,
  });

/** Every type there is, with everything a tape may hold. */
const anyEvent = fc.oneof(
  of("clock", {}),
  of("book", { token, bids: levels, asks: levels }),
  of("book", { token, bids: levels, asks: levels, tick: price }),
  of("bookDelta", { token, changes, bestBid: quote, bestAsk: quote }),
  of("bestBidAsk", { token, bid: quote, ask: quote }),
  of("tokenTrade", { token, price, size, side }),
  of("tickSize", { token, oldTick: price, newTick: price }),
  of("oraclePrice", {
    asset,
    kind: fc.constantFrom("spot", "twap60"),
    provider: fc.constantFrom("chainlink", "pyth"),
    value: double,
    exact: fc.string(),
  }),
  of("fastBook", { venue, asset, bids: fastLevels, asks: fastLevels }),
  of("fastTop", { venue, asset, bid: double, bidSize: double, ask: double, askSize: double }),
  of("fastTrade", {
    venue,
    asset,
    price: double,
    size: double,
    takerBuys: fc.boolean(),
    id: fc.maxSafeInteger(),
  }),
  of("fastBar", {
    ...{ venue, asset, openMs: time, closeMs: time, open: double, high: double, low: double },
    ...{ close: double, volume: double, closed: fc.boolean() },
  }),
  of("fastPrice", { venue, asset, price: double }),
  of("markPrice", { asset, mark: double, index: double, fundingRate: double }),
  of("liquidation", { asset, side, price: fc.integer(), size: fc.integer() }),
  of("volatility", { asset, value: double }),
  of("strike", {
    ...{ conditionId: token, value: fc.integer(), exact: fc.string() },
    ...{ source: fc.constant("recording"), basis: venue },
  }),
  of("resolved", { conditionId: token, winner: fc.constantFrom("up", "down"), source: fc.constant("venue") }),
  of("feedState", { feed: fc.constant("deribit"), state: fc.constant("late"), detail: fc.string() }),
  of("latency", { trips: fc.nat(), medianMs: told, worstMs: told, loopMs: told }),
  of("stop", { reason: fc.string() }),
) as unknown as fc.Arbitrary<MarketEvent>;

const steps = fc.array(fc.tuple(anyEvent, fc.boolean()), { maxLength: 60 });

Deno.test("every event a tape may hold comes back from the columns as it was", () => {
  fc.assert(fc.property(steps, (given) => assert.deepEqual(throughBlocks(given), given)), { numRuns: 200 });
});

Deno.test("what does not fit a column is kept as text: odd prices, stamps weeks apart", () => {
  const at = (tReceive: number, tExchange = tReceive) => ({
    tReceive: ms(tReceive),
    tExchange: ms(tExchange),
  });
  const given: Step[] = [
    [{ type: "book", ...at(T0), token: "1", bids: [0.5, 1], asks: [-7, 2] }, false],
    [{ type: "book", ...at(T0), token: "1", bids: [5000, -3], asks: [5100, 0.25] }, false],
    [{ type: "bookDelta", ...at(T0), token: "1", changes: [2, 5000, 1], bestBid: 70_000, bestAsk: -1 }, true],
    [
      { type: "tokenTrade", ...at(T0), token: "1", price: 40_000 as Price, size: 1 as Shares, side: "buy" },
      false,
    ],
    [{ type: "clock", ...at(T0 + 1, 0) }, false],
    [{ type: "clock", ...at(T0 + 400 * 86_400_000) }, false],
    [{ type: "clock", ...at(T0 - 400 * 86_400_000) }, true],
  ];
  assert.deepEqual(throughBlocks(given), given);
});

Deno.test("a reader makes no event of its own: the object of a type is the same every time", () => {
  const encoder = new BlockEncoder();
  for (let i = 0; i < 3; i++) {
    const stamps = { tReceive: ms(T0 + i), tExchange: ms(T0) };
    encoder.add({ type: "book", ...stamps, token: "1", bids: [4900 + i, 1e6], asks: [5100, 2e6] }, false);
  }
  const cursor = new BlockCursor();
  cursor.load(encoder.close().bytes as Uint8Array<ArrayBuffer>);
  const seen: MarketEvent[] = [];
  cursor.run((event) => seen.push(event));
  assert.equal(seen[0], seen[1]);
  assert.equal(seen[0], seen[2]);
  assert.deepEqual(copyEvent(seen[0]!), {
    ...{ type: "book", tReceive: T0 + 2, tExchange: T0, token: "1" },
    ...{ bids: [4902, 1e6], asks: [5100, 2e6] },
  });
});

Deno.test("a tape's cache gives the tape's events in its groups, and is found again", async () => {
  await withTape(async (path, root) => {
    const cache = join(root, "cache");
    const made = await readyCache(await open(path), { cache });
    assert.ok(made !== null && made.made);
    const want = await tapeSteps(await open(path));
    assert.ok(want.length > 3000 && want.some(([, more]) => more));
    assert.deepEqual(await cacheSteps(made.file), want);
    assert.equal(made.file.footer.events, want.length);
    const again = await readyCache(await open(path), { cache });
    assert.ok(again !== null && !again.made);
    assert.deepEqual((await readdir(cache)).length, 1, "no half-written file stays");
  });
});

Deno.test("other content, other code and a copy elsewhere: only the first two make another cache", async () => {
  await withTape(async (path, root) => {
    const cache = join(root, "cache");
    const first = await readyCache(await open(path), { cache });
    const copy = join(root, "copy");
    await mkdir(copy);
    for (const name of await readdir(path)) await copyFile(join(path, name), join(copy, name));
    const same = await readyCache(await open(copy), { cache });
    assert.equal(same?.made, false);
    assert.equal(same?.file.path, first?.file.path);
    // Bytes that are not what the manifest says are nobody's content.
    const manifest = (await open(copy)).manifest;
    const segment = join(copy, manifest.files[0]!.name);
    const bytes = await readFile(segment);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(segment, bytes);
    assert.equal(await readyCache(await open(copy), { cache }), null);
    const text = await readFile(join(path, MANIFEST_NAME), "utf8");
    await writeFile(join(copy, MANIFEST_NAME), text.replace('"complete": true', '"complete": false'));
    assert.equal(await readyCache(await open(copy), { cache }), null, "an unfinished tape is not cached");
  });
});

Deno.test("the code's hash changes with any file that reading a tape needs", async () => {
  await withFolder(async (root) => {
    const put = (name: string, text: string) =>
      mkdir(dirname(join(root, name)), { recursive: true }).then(() => writeFile(join(root, name), text));
    await put("a.ts", 'import { b } from "./deep/b.ts";\nexport const a = b;\n');
    await put("deep/b.ts", 'export {\n  c as b,\n} from "../c.ts";\n');
    await put("c.ts", "export const c = 1;\n");
    await put("other.ts", "export const d = 1;\n");
    const hash = () => hashSources([new URL(`file://${join(root, "a.ts")}`)]);
    const before = await hash();
    await put("other.ts", "export const d = 2;\n");
    assert.equal(await hash(), before);
    await put("c.ts", "export const c = 2;\n");
    assert.notEqual(await hash(), before);
  });
});

Deno.test("a cache cut anywhere or with any byte changed is never replayed as if it were whole", async () => {
  await withTape(async (path, root) => {
    const cache = join(root, "cache");
    const ready = await readyCache(await open(path), { cache });
    const file = ready!.file.path;
    const good = await readFile(file);
    const want = await tapeSteps(await open(path));
    const damage = async (bytes: Uint8Array): Promise<void> => {
      await writeFile(file, bytes);
      const steps: Step[] = [];
      const got = await replay(
        await open(path),
        () => {
          steps.length = 0;
          return (event, more) => steps.push([copyEvent(event), more]);
        },
        { cache },
      );
      assert.equal(got.cache, "made");
      assert.deepEqual(steps, want);
      assert.deepEqual(await readFile(file), good, "the cache made again is the same");
    };
    await damage(good.subarray(0, good.length >> 1));
    await damage(good.subarray(0, good.length - 1));
    for (const at of [9, 20, 100, good.length >> 1, good.length - 20, good.length - 1]) {
      const bad = Uint8Array.from(good);
      bad[at] = bad[at]! ^ 0x10;
      await damage(bad);
    }
  }, 1);
});

Deno.test("a block that lies about its length is damage, not memory", async () => {
  await withFolder(async (root) => {
    const encoder = new BlockEncoder();
    for (let i = 0; i < BLOCK_EVENTS; i++) {
      assert.ok(encoder.add({ type: "clock", tReceive: ms(T0 + i), tExchange: ms(T0 + i) }, false));
    }
    assert.ok(encoder.full);
    const block = encoder.close();
    const path = join(root, "x.pec");
    const writer = await CacheWriter.create(path);
    await writer.add({ bytes: block.bytes.subarray(0, block.bytes.length - 8), events: block.events });
    const zero = "0".repeat(64);
    const counts = { lines: 0, unrecognised: 0, undecoded: 0, disordered: 0 };
    await writer.finish({ key: zero, content: zero, code: zero, tape: "x", counts });
    const file = await CacheFile.open(path);
    await assert.rejects(() => file!.replay(() => {}), CacheDamaged);
  });
});

Deno.test("an interrupted compilation leaves nothing behind", async () => {
  await withTape(async (path, root) => {
    const cache = join(root, "cache");
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stopped"));
    const { signal } = controller;
    await assert.rejects(
      async () => await readyCache(await open(path), { cache, signal, onProgress }),
      /stopped/,
    );
    assert.deepEqual(await readdir(cache), []);
  });
});

Deno.test("where nothing can be written the tape itself is read", async () => {
  await withTape(async (path, root) => {
    await writeFile(join(root, "file"), "");
    let events = 0;
    const got = await replay(await open(path), () => () => events++, { cache: join(root, "file", "cache") });
    assert.equal(got.cache, "none");
    assert.equal(events, got.events);
    assert.ok(events > 3000);
  });
});

Deno.test("caches are listed, cleared, and bounded: the one unused for longest goes first", async () => {
  await withTape(async (path, root) => {
    const cache = join(root, "cache");
    const ready = await readyCache(await open(path), { cache });
    const old = join(cache, `${"0".repeat(64)}.pec`);
    await copyFile(ready!.file.path, old);
    await Deno.utime(old, 1, 1);
    await writeFile(join(cache, `${"1".repeat(64)}.pec.partial-x`), "half");
    const listed = await listCaches(cache);
    assert.equal(listed.length, 3);
    assert.deepEqual(listed.map((entry) => entry.tape), ["tape", ...listed.slice(1).map((e) => e.tape)]);
    assert.equal(listed.filter((entry) => entry.current).length, 2);
    await trimCache(cache, ready!.file.bytes + 10, ready!.file.path);
    assert.deepEqual(
      (await listCaches(cache)).length,
      2,
      "the copy is gone, the half-written one is too young",
    );
    const cleared = await clearCaches(cache, true);
    assert.equal(cleared.files, 1);
    assert.deepEqual((await listCaches(cache)).map((entry) => entry.path), [ready!.file.path]);
    assert.equal((await clearCaches(cache, false)).files, 1);
    assert.deepEqual(await listCaches(join(root, "nowhere")), []);
  });
});

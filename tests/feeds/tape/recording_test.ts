import assert from "node:assert/strict";
import { open, stat, truncate } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { OperationError } from "../../../core/errors.ts";
import type { FeedName, MarketEvent } from "../../../core/events.ts";
import { type Ms, ms } from "../../../core/units.ts";
import { isRawFrame, type TapeEntry } from "../../../feeds/tape/format.ts";
import { isBeingRecorded } from "../../../feeds/tape/files.ts";
import { openRecording, type RecordingOptions } from "../../../feeds/tape/open_recording.ts";
import { openTape } from "../../../feeds/tape/reader.ts";
import type { Recording, SegmentFile } from "../../../feeds/tape/recording.ts";
import { repairTape } from "../../../feeds/tape/repair.ts";
import { verifyTape } from "../../../feeds/tape/verify.ts";
import { START, withFolder } from "./recordings.ts";

const SOURCE = "a test";
const AT_HOUR = Math.ceil(START / 3_600_000) * 3_600_000;

async function begin(out: string, change: Partial<RecordingOptions> = {}): Promise<Recording> {
  const options = { out, append: false, nowMs: AT_HOUR - 60_000, source: SOURCE, licence: "none", ...change };
  return (await openRecording({ flushMs: 3_600_000, syncMs: 3_600_000, ...options })).recording;
}

async function entriesOf(path: string): Promise<TapeEntry[]> {
  const entries: TapeEntry[] = [];
  for await (const batch of (await openTape(path)).entries()) entries.push(...batch);
  return entries;
}
const rawOf = (entries: readonly TapeEntry[]): string[] =>
  entries.flatMap((entry) => isRawFrame(entry) ? [entry.raw] : []);

const codeOf = (code: string) => (error: unknown) => error instanceof OperationError && error.code === code;
const clock = (at: number): MarketEvent => ({ type: "clock", tExchange: ms(at), tReceive: ms(at) });

/** A disk of so many bytes: the write that passes them is cut short, as a real one is. */
function smallDisk(capacity: number): (path: string) => Promise<SegmentFile> {
  let free = capacity;
  return async (path) => {
    const handle = await open(path, "wx");
    return {
      write: async (bytes) => {
        const part = bytes.subarray(0, free);
        free -= part.length;
        await handle.write(part);
        if (part.length < bytes.length) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      },
      sync: () => handle.sync(),
      truncate: (size) => handle.truncate(size),
      close: () => handle.close(),
    };
  };
}

/** A disk that takes no byte until it is opened. */
function heldDisk(): { open: (path: string) => Promise<SegmentFile>; release: () => void } {
  const gate = Promise.withResolvers<void>();
  return {
    open: async (path) => {
      const handle = await open(path, "wx");
      return {
        write: async (bytes) => {
          await gate.promise;
          await handle.write(bytes);
        },
        sync: () => handle.sync(),
        truncate: (size) => handle.truncate(size),
        close: () => handle.close(),
      };
    },
    release: () => gate.resolve(),
  };
}

Deno.test("a recording is cut at the hour of receipt, and its files hold what the chain says", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out);
    for (let i = -3; i < 4; i++) recording.frame("binance.spot", `{"n":${i}}`, ms(AT_HOUR + i * 1000));
    const result = await recording.close();
    const hours = result.manifest.files.map((file) => [file.name, file.lines, file.from, file.to]);
    const hour = new Date(AT_HOUR - 1).toISOString().slice(0, 13).replace(/\D/g, "");
    const next = new Date(AT_HOUR).toISOString().slice(0, 13).replace(/\D/g, "");
    assert.deepEqual(hours, [
      [`events-00001-${hour}.jsonl.gz`, 3, AT_HOUR - 3000, AT_HOUR - 1000],
      [`events-00002-${next}.jsonl.gz`, 4, AT_HOUR, AT_HOUR + 3000],
    ]);
    assert.deepEqual(rawOf(await entriesOf(out)), [-3, -2, -1, 0, 1, 2, 3].map((n) => `{"n":${n}}`));
    const verified = await verifyTape(out);
    assert.deepEqual([verified.ok, verified.lines, verified.chain], [true, 7, result.hash]);
    assert.equal(await isBeingRecorded(out), false);
  });
});

Deno.test("the closed hour is in the manifest while the next one is being written", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out);
    recording.frame("binance.spot", "a", ms(AT_HOUR - 1));
    recording.frame("binance.spot", "b", ms(AT_HOUR));
    await recording.flush();
    const { manifest, warnings } = await openTape(out);
    assert.deepEqual([manifest.complete, manifest.files.length, manifest.events], [false, 1, 1]);
    assert.deepEqual(warnings.map((w) => w.code), ["TAPE_BEING_RECORDED"]);
    assert.deepEqual(rawOf(await entriesOf(out)), ["a", "b"]);
    const verified = await verifyTape(out);
    assert.deepEqual([verified.ok, verified.state, verified.lines], [true, "recording", 2]);
    await assert.rejects(repairTape(out), codeOf("TAPE_IN_USE"));
    await recording.close();
  });
});

Deno.test("every flush is a gzip member of its own, and any gunzip reads the file", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out);
    for (let i = 0; i < 3; i++) {
      recording.frame("polymarket.market", `line ${i} "quoted" \u20ac`, ms(AT_HOUR + i));
      await recording.flush();
    }
    const { manifest } = await recording.close();
    const bytes = await Deno.readFile(join(out, manifest.files[0]!.name));
    const magic = bytes.filter((_, i) => bytes[i] === 0x1f && bytes[i + 1] === 0x8b && bytes[i + 3] === 4);
    assert.equal(magic.length, 3);
    assert.equal(new TextDecoder().decode(gunzipSync(bytes)).trimEnd().split("\n").length, 3);
  });
});

Deno.test("a torn end loses the last flush only; it is found, cut off on repair, and the tape goes on", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out);
    for (let i = 0; i < 5; i++) {
      recording.frame("binance.spot", `{"n":${i}}`, ms(AT_HOUR + i));
      await recording.flush();
    }
    const name = [...Deno.readDirSync(out)].map((e) => e.name).find((n) => n.endsWith(".gz"))!;
    const torn = join(root, "torn");
    await Deno.mkdir(torn);
    for (const file of ["tape.json", name]) await Deno.copyFile(join(out, file), join(torn, file));
    await recording.close();
    const { size } = await stat(join(torn, name));
    await truncate(join(torn, name), size - 3);

    const found = await verifyTape(torn);
    assert.deepEqual([found.ok, found.state, found.firstDamage?.kind], [false, "stopped", "torn"]);
    const before = rawOf(await entriesOf(torn));
    assert.deepEqual(before, [0, 1, 2, 3].map((n) => `{"n":${n}}`));
    const repaired = await repairTape(torn);
    assert.ok(repaired.removedBytes > 0);
    assert.equal((await verifyTape(torn)).ok, true);
    assert.deepEqual(rawOf(await entriesOf(torn)), before);
    assert.equal((await openTape(torn)).manifest.complete, true);
    assert.equal((await repairTape(torn)).removedBytes, 0, "a second repair finds nothing");

    const more = await begin(torn, { append: true, nowMs: AT_HOUR + 10 });
    more.frame("binance.spot", "later", ms(AT_HOUR + 10));
    await more.close();
    const after = await verifyTape(torn);
    assert.deepEqual([after.ok, after.files, after.lines], [true, 2, 5]);
  });
});

Deno.test("wrong bytes in the middle end what can be trusted; repair keeps the damaged segment beside", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out, { openFile: smallDisk(200) });
    for (let i = 0; i < 9; i++) {
      recording.frame("binance.spot", `{"n":${i}}`, ms(AT_HOUR + i));
      await recording.flush().catch(() => {});
    }
    await assert.rejects(recording.close(), codeOf("DISK_FULL"));
    const path = join(out, [...Deno.readDirSync(out)].map((e) => e.name).find((n) => n.endsWith(".gz"))!);
    const { manifest } = await openTape(out);
    // As if the machine had lost its power: the manifest is the first one, a block of the segment is zeros.
    const unlisted = { ...manifest, files: [], events: 0, counts: {}, from: null, to: null };
    await Deno.writeTextFile(join(out, "tape.json"), JSON.stringify(unlisted));
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 8));
    assert.equal((await verifyTape(out)).firstDamage?.kind, "torn");
    const { removedBytes } = await repairTape(out);
    assert.ok(removedBytes > 0);
    assert.equal((await verifyTape(out)).ok, true);
    assert.equal((await stat(`${path}.damaged`)).size, bytes.length);
  });
});

Deno.test("a tape cut at any byte opens, and gives a prefix of what was recorded", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out);
    const all: string[] = [];
    for (let i = 0; i < 4; i++) {
      for (let k = 0; k < 3; k++) {
        all.push(`${i}/${k}`);
        recording.frame("binance.spot", `${i}/${k}`, ms(AT_HOUR + i));
      }
      await recording.flush();
    }
    const name = [...Deno.readDirSync(out)].map((e) => e.name).find((n) => n.endsWith(".gz"))!;
    const whole = await Deno.readFile(join(out, name));
    const lengths = new Set<number>();
    for (let size = 0; size <= whole.length; size++) {
      await Deno.writeFile(join(out, name), whole.subarray(0, size));
      const found = rawOf(await entriesOf(out));
      assert.deepEqual(found, all.slice(0, found.length), `cut at ${size}`);
      lengths.add(found.length);
    }
    assert.deepEqual([...lengths], [0, 3, 6, 9, 12], "whole flushes and nothing between");
    await recording.close();
  });
});

Deno.test("a full disk ends the recording once and clearly; the tape is whole up to the last flush", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out, { openFile: smallDisk(250) });
    let error: unknown = null;
    recording.failed.catch((reason) => error = reason);
    let flushed = 0;
    for (let i = 0; i < 50 && error === null; i++) {
      recording.frame("binance.spot", `frame ${i} ${"x".repeat(i)}`, ms(AT_HOUR + i));
      await recording.flush().then(() => flushed++, () => {});
    }
    assert.ok(codeOf("DISK_FULL")(error));
    assert.match((error as OperationError).message, /whole up to \d{4}-/);
    await assert.rejects(recording.close(), codeOf("DISK_FULL"));
    assert.ok(flushed > 0);
    const frames = rawOf(await entriesOf(out));
    assert.equal(frames.length, flushed);
    const verified = await verifyTape(out);
    assert.deepEqual([verified.ok, verified.lines, verified.state], [true, flushed, "stopped"]);
    const more = await begin(out, { append: true, nowMs: AT_HOUR + 1000 });
    more.frame("binance.spot", "room again", ms(AT_HOUR + 1000));
    await more.close();
    assert.equal((await verifyTape(out)).ok, true);
  });
});

Deno.test("a slow disk costs books first; every lost frame is counted by feed and the hole is on the tape", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const disk = heldDisk();
    let recovered = 0;
    const recording = await begin(out, {
      openFile: disk.open,
      maxQueuedChars: 20_000,
      onRecovered: () => recovered++,
    });
    recording.events([{
      type: "feedState",
      feed: "binance.futures.public",
      state: "live",
      detail: "data flows",
      tExchange: ms(AT_HOUR),
      tReceive: ms(AT_HOUR),
    }]);
    const pad = "x".repeat(800);
    const sent: Record<string, number> = {};
    const send = (feed: FeedName, raw: string, at: number) => {
      sent[feed] = (sent[feed] ?? 0) + 1;
      recording.frame(feed, raw, ms(AT_HOUR + at) as Ms);
    };
    for (let i = 0; i < 40; i++) {
      send("binance.futures.public", `{"stream":"btcusdt@depth20@100ms","pad":"${pad}${i}"}`, i);
      send("binance.futures.market", `{"stream":"btcusdt@aggTrade","pad":"${pad.slice(0, 200)}${i}"}`, i);
    }
    const lost = recording.stats().dropped;
    assert.ok(lost > 0 && lost < 40, String(lost));
    disk.release();
    await recording.flush();
    const result = await recording.close();
    assert.deepEqual(result.drops, { "binance.futures.public": lost }, "books only");
    assert.equal(result.perFeed["binance.futures.market"]?.frames, 40);
    assert.equal(result.perFeed["binance.futures.public"]?.frames, 40 - lost);
    assert.equal(result.manifest.skipped["dropped:binance.futures.public"], lost);
    assert.equal(recovered, 1);
    const entries = await entriesOf(out);
    const states = entries.flatMap((e) => !isRawFrame(e) && e.type === "feedState" ? [e] : []);
    assert.equal(states[0]?.detail, "data flows");
    assert.match(states[1]?.detail ?? "", /^RECORDER_GAP:/);
    assert.equal(states[1]?.state, "late");
    assert.match(states.at(-1)?.detail ?? "", /^RECORDER_GAP_END: \d+ frames/);
    assert.equal(states.at(-1)?.state, "live", "the state that held before");
    const frames = entries.filter((e) => isRawFrame(e)).length;
    assert.equal(frames + lost, 80, "sent = recorded + lost");
    assert.equal((await verifyTape(out)).ok, true);
  });
});

Deno.test("frames of trades and prices go last; events of our own never go", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const disk = heldDisk();
    const recording = await begin(out, { openFile: disk.open, maxQueuedChars: 4000 });
    const pad = "x".repeat(400);
    for (let i = 0; i < 30; i++) {
      recording.frame("polymarket.market", `{"event_type":"price_change","pad":"${pad}"}`, ms(AT_HOUR + i));
      recording.frame("polymarket.prices", `{"channel":"price.crypto","pad":"${pad}"}`, ms(AT_HOUR + i));
      recording.events([clock(AT_HOUR + i)]);
    }
    disk.release();
    const result = await recording.close();
    assert.equal(result.manifest.counts["clock"], 30);
    assert.ok((result.drops["polymarket.prices"] ?? 0) > 0, "beyond the limit prices go too");
    assert.equal(result.perFeed["polymarket.market"]?.frames, 0, "but no book stays while a price goes");
    assert.equal(result.stats.frames + result.stats.dropped, 60);
  });
});

Deno.test("record refuses what it would destroy: another's folder, another source, a time before the end", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const recording = await begin(out);
    await assert.rejects(begin(out, { append: true }), codeOf("TAPE_IN_USE"));
    recording.frame("binance.spot", "a", ms(AT_HOUR));
    await recording.close();
    await assert.rejects(begin(out), codeOf("TAPE_EXISTS"));
    await assert.rejects(
      begin(out, { append: true, source: "another", nowMs: AT_HOUR }),
      codeOf("TAPE_EXISTS"),
    );
    await assert.rejects(begin(out, { append: true, nowMs: AT_HOUR - 1 }), codeOf("TAPE_ORDER"));
    await Deno.mkdir(join(root, "mine"));
    await Deno.writeTextFile(join(root, "mine", "letter.txt"), "dear");
    await assert.rejects(begin(join(root, "mine"), { append: true }), codeOf("TAPE_EXISTS"));
    assert.equal((await verifyTape(out)).ok, true);
  });
});

Deno.test("a recording that never began leaves no folder behind", async () => {
  await withFolder(async (root) => {
    const out = join(root, "deep", "tape");
    const recording = await begin(out);
    recording.events([clock(AT_HOUR)]);
    await recording.discard();
    await assert.rejects(stat(out));
  });
});

Deno.test("the manifest knows windows, strikes, outcomes, and whether books were recorded throughout", async () => {
  await withFolder(async (root) => {
    const out = join(root, "tape");
    const start = AT_HOUR;
    const end = AT_HOUR + 300_000;
    const recording = await begin(out);
    const at = (time: number) => ({ tExchange: ms(time), tReceive: ms(time) });
    const instrument = {
      slug: `btc-updown-5m-${start / 1000}`,
      asset: "btc",
      duration: "5m",
      conditionId: "0xc",
      version: "v2",
      upToken: "1",
      downToken: "2",
      startMs: ms(start),
      endMs: ms(end),
      tick: 100,
      minSize: 5_000_000,
      fee: null,
      rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
      negRisk: false,
      takerHoldMs: ms(0),
      tradable: true,
      reason: null,
      mirrorOf: null,
    } as unknown as Extract<MarketEvent, { type: "window" }>["instrument"];
    const market = (state: "live" | "down", time: number): MarketEvent => ({
      type: "feedState",
      feed: "polymarket.market",
      state,
      detail: "",
      ...at(time),
    });
    const later = { ...instrument, conditionId: "0xd", slug: `btc-updown-5m-${end / 1000}` };
    recording.events([{ type: "window", instrument, ...at(start - 60_000) }]);
    recording.events([market("live", start - 50_000)]);
    recording.events([{
      type: "strike",
      conditionId: "0xc",
      value: 90000.5,
      exact: "90000.5",
      source: "twap-print",
      basis: "chainlink",
      ...at(start),
    }]);
    recording.events([market("down", start + 100_000), market("live", start + 105_000)]);
    recording.events([{
      type: "window",
      instrument: { ...later, startMs: ms(end), endMs: ms(end + 300_000) },
      ...at(start + 200_000),
    }]);
    recording.events([{
      type: "resolved",
      conditionId: "0xc",
      winner: "up",
      source: "venue",
      ...at(end + 4000),
    }]);
    recording.events([market("down", end + 10_000), market("live", end + 25_000), clock(end + 301_000)]);
    const { manifest } = await recording.close();
    assert.deepEqual(manifest.windows.map((w) => [w.conditionId, w.outcome, w.complete, w.strike?.value]), [
      ["0xc", "up", true, 90000.5],
      ["0xd", null, false, undefined],
    ]);
    assert.deepEqual([manifest.assets, manifest.durations], [["btc"], ["5m"]]);
    assert.ok(manifest.absent.includes("oracle.twap60") && !manifest.absent.includes("outcomes"));
  });
});

/** The writer of a record: order, bounds, failures; and the line of every event. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { OperationError } from "../../core/errors.ts";
import type { Event } from "../../core/events.ts";
import { eventRecord, parseEventRecord } from "../../feeds/session/event_line.ts";
import { type RecordFile, SessionRecordWriter, type WriterSettings } from "../../feeds/session/writer.ts";
import { sessionStart } from "../../commands/trading/session_start.ts";
import { engineOptions } from "../../commands/trading/settings.ts";
import { clock, fastTrade, START, submit, windowEvent } from "../core/helpers.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { CONFIG } from "./stage.ts";

const engine = engineOptions(CONFIG, { strategy: "hold", seed: 1, stops: false });
const start = sessionStart({ id: "w", mode: "paper", source: "sockets", config: CONFIG, seed: 1, engine });
const writer = (folder: string, settings: WriterSettings = {}) =>
  SessionRecordWriter.open(folder, start, settings);

/** A file that keeps what it gets; `gate` holds its writes up, `fault` fails them. */
class Sink implements RecordFile {
  readonly parts: Uint8Array[] = [];
  fault: Error | null = null;
  gate: Promise<void> = Promise.resolve();
  async write(bytes: Uint8Array): Promise<void> {
    await this.gate;
    if (this.fault !== null) throw this.fault;
    this.parts.push(bytes);
  }
  sync = () => Promise.resolve();
  close = () => Promise.resolve();
}

Deno.test("every double comes back bit by bit, the ones JSON does not know too", () => {
  const view = new DataView(new ArrayBuffer(8));
  const bits = (value: number) => {
    view.setFloat64(0, value === 0 ? 0 : value);
    return view.getBigUint64(0);
  };
  fc.assert(
    fc.property(fc.double(), fc.double({ noNaN: true }), fc.boolean(), (price, size, more) => {
      const event = fastTrade(START, price, size);
      const line = eventRecord(event, more);
      if (!Number.isFinite(price) || !Number.isFinite(size)) {
        assert.match(line, /\{"\$number":"(NaN|-?Infinity)"\}/);
        return;
      }
      const back = parseEventRecord(line);
      assert.ok(back !== null && back.event.type === "fastTrade");
      assert.equal(back.more, more);
      assert.deepEqual([bits(back.event.price), bits(back.event.size)], [bits(price), bits(size)]);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a line that is no event of this version is not taken for one", () => {
  const good = { type: "fillStage", orderId: "o1", fillId: "f1", stage: "final", tExchange: 1, tReceive: 2 };
  const line = (value: unknown, head: unknown = 0) => parseEventRecord(JSON.stringify([head, value]));
  assert.deepEqual(line(good)?.event, good);
  assert.equal(line(good, 2), null);
  assert.equal(line({ ...good, stage: "later" }), null);
  assert.equal(line({ ...good, type: "constructor" }), null);
  assert.equal(line({ ...good, tReceive: 1.5 }), null);
  assert.equal(line({ raw: "x", feed: "deribit", tReceive: 1 }), null);
  assert.equal(
    line({ ...good, type: "account", cashChange: 1, redeemed: 0, adopted: [{}], reserved: [], reason: "" }),
    null,
  );
  assert.equal(parseEventRecord("[0,{"), null);
});

Deno.test("what waits is written within the flush time, in order, whole steps to a block", async () => {
  await withFolder(async (root) => {
    const record = await writer(root, { flushMs: 30 });
    const wanted: string[] = [];
    for (let i = 0; i < 500; i++) {
      const event: Event = i === 0 ? windowEvent(START) : clock(START + i);
      record.step(event, i % 7 === 3);
      wanted.push(eventRecord(event, i % 7 === 3));
      record.decision({ line: `[${i}]` });
      record.intent(submit({ orderId: `o${i}` }));
      wanted.push(`["d",[${i}]]`, `["i",${JSON.stringify(submit({ orderId: `o${i}` }))}]`);
    }
    const lines = async () =>
      new TextDecoder().decode(gunzipSync(await Deno.readFile(join(root, "events.jsonl.gz")))).trimEnd()
        .split("\n");
    const deadline = Date.now() + 5_000;
    const body = (all: string[]) => all.filter((line) => !line.startsWith("{"));
    while (body(await lines()).length < wanted.length) {
      assert.ok(Date.now() < deadline, "the timer writes what waits");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const all = await lines();
    assert.deepEqual(body(all), wanted);
    all.forEach((line, i) => {
      if (line.startsWith('{"block"') && i > 0) {
        assert.ok(/^\[[01],/.test(all[i + 1]!), "a block begins with an event");
      }
    });
    const totals = await record.close();
    assert.deepEqual([totals.events, totals.decisions, totals.intents, totals.lines], [
      500,
      500,
      500,
      all.length,
    ]);
  });
});

Deno.test("a full disk ends the session at its next event", async () => {
  await withFolder(async (root) => {
    const sink = new Sink();
    const record = await writer(root, { openFile: () => Promise.resolve(sink) });
    sink.fault = new Error("No space left on device (os error 28)");
    for (let i = 0; i < 400; i++) record.step(clock(START + i), false);
    const { failure } = await record.close();
    assert.equal(failure?.code, "DISK_FULL");
    assert.throws(
      () => record.step(clock(START), false),
      (error) => error instanceof OperationError && error.code === "DISK_FULL",
    );
  });
});

Deno.test("a disk that does not follow ends the session, and memory stays bounded", async () => {
  await withFolder(async (root) => {
    const sink = new Sink();
    let open = () => {};
    const record = await writer(root, {
      openFile: () => Promise.resolve(sink),
      maxItems: 1000,
      maxBytes: 4_000,
    });
    sink.gate = new Promise((resolve) => open = resolve);
    const behind = (error: unknown) =>
      error instanceof OperationError && error.code === "SESSION_RECORD_BEHIND";
    assert.throws(() => {
      for (let i = 0; i < 2000; i++) record.step(clock(START + i), false);
    }, behind);
    assert.ok(record.waiting <= 1001);
    open();
    assert.ok(behind((await record.close()).failure));
  });
});

Deno.test("a record is never written over another", async () => {
  await withFolder(async (root) => {
    await (await writer(root)).close();
    await assert.rejects(
      writer(root),
      (error) => error instanceof OperationError && error.code === "SESSION_WRITE_FAILED",
    );
  });
});

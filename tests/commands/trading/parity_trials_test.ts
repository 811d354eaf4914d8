import assert from "node:assert/strict";
import { defaultConfig } from "../../../commands/config/schema.ts";
import { fitExchangeModel } from "../../../commands/trading/parity_fit.ts";
import { queueTrials } from "../../../commands/trading/parity_trials.ts";
import { paperOptions } from "../../../commands/trading/settings.ts";
import { OperationError } from "../../../core/errors.ts";
import type { Event, Intent, MarketEvent } from "../../../core/events.ts";
import { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { impactModel } from "../../../core/exchange/impact.ts";
import { applyBook, Markets } from "../../../core/exchange/markets.ts";
import { ParityLedger } from "../../../core/exchange/parity.ts";
import type { ParityRow } from "../../../core/exchange/parity_row.ts";
import { queueModel, type QueueName } from "../../../core/exchange/queue.ts";
import type { Ms, Usdc } from "../../../core/units.ts";
import { intentRecord } from "../../../feeds/session/format.ts";
import type { RecordedStep, SessionRecording } from "../../../feeds/session/reader.ts";
import {
  at,
  bothBooks,
  clock,
  dollars,
  lots,
  p,
  START,
  submit,
  UP,
  windowEvent,
} from "../../core/helpers.ts";

const ORDERS = 24;
const config = defaultConfig();

/** A record without files. */
function recordingOf(steps: readonly RecordedStep[]): SessionRecording {
  return {
    folder: "memory",
    manifest: {} as SessionRecording["manifest"],
    warnings: [],
    async *steps() {
      await Promise.resolve();
      yield [...steps];
    },
  };
}

/** A session that rests 24 orders one after the other on an exchange of that queue; each is traded at, some through. */
function session(queue: QueueName): { readonly rows: ParityRow[]; readonly steps: RecordedStep[] } {
  const rows: ParityRow[] = [];
  const steps: RecordedStep[] = [];
  const markets = new Markets();
  const options = () => ({ ...paperOptions(config), queue: queueModel(queue), bankroll: dollars(10_000) });
  const ledger = new ParityLedger({
    model: new ExchangeModel(options()),
    ownInBook: false,
    market: (conditionId) => markets.market(conditionId) ?? null,
    onRow: (row) => rows.push(row),
  });
  const port = ledger.tap(new ExchangeModel(options()));
  const keep = (event: Event, outputs: readonly string[] = []) =>
    steps.push({ index: steps.length, line: steps.length + 1, event, more: false, outputs });
  const feed = (event: MarketEvent, intent: Intent | null = null) => {
    for (const answer of port.advance(event.tReceive)) keep(answer);
    port.observe(event);
    if (event.type === "window") markets.list(event.instrument);
    if (event.type === "book") {
      const ref = markets.token(event.token);
      if (ref !== undefined) applyBook(ref, event, impactModel("untilRestated"));
    }
    keep(event, intent === null ? [] : [intentRecord(intent)]);
    if (intent !== null) port.submit(intent, event.tReceive);
  };
  feed(windowEvent(START));
  for (let i = 0; i < ORDERS; i++) {
    const t = START + 1_000 + i * 10_000;
    for (const event of bothBooks(t, [[0.50, 10]], [[0.52, 50]])) feed(event);
    const orderId = `o${i}`;
    feed(
      clock(t + 10),
      submit({
        orderId,
        orderType: "GTC",
        side: "buy",
        limit: p(0.50),
        size: lots(10),
        spend: 0 as Usdc,
        bornAt: (t + 10) as Ms,
      }),
    );
    // 10 stand ahead: a trade of 25 at the price serves them and us; every third market trades 5 only.
    const size = lots(i % 3 === 0 ? 5 : 25);
    feed({ type: "tokenTrade", token: UP, side: "sell", price: p(0.50), size, ...at(t + 1_000) });
    feed(clock(t + 2_000), { type: "cancel", orderId, bornAt: (t + 2_000) as Ms });
  }
  feed(clock(START + 299_000));
  ledger.close();
  return { rows, steps };
}

Deno.test("a record played past the queue models tells which one it was made with", async () => {
  for (const queue of ["lastInQueue", "riskAverse"] as const) {
    const { rows, steps } = session(queue);
    assert.equal(rows.length, ORDERS);
    assert.ok(rows.every((row) => row.expected.kind === "rests" && row.expected.ahead === lots(10)));
    const trials = await queueTrials(recordingOf(steps), rows, () => paperOptions(config));
    assert.equal(trials.length, ORDERS);
    for (const trial of trials) assert.equal(trial.predicted[queue], trial.actual);
    const filled = trials.filter((trial) => trial.actual > 0).length;
    assert.equal(filled, queue === "riskAverse" ? ORDERS * 2 / 3 : 0);
    const fit = fitExchangeModel({ rows, liveRows: [], queue: trials }, config);
    assert.equal(fit.paper.queue, queue);
  }
});

Deno.test("a session without resting orders asks nothing of its record", async () => {
  const broken = { ...recordingOf([]), steps: () => assert.fail("read") };
  assert.deepEqual(await queueTrials(broken, [], () => paperOptions(config)), []);
});

Deno.test("an intent that is none is damage, with its line", async () => {
  const { rows, steps } = session("lastInQueue");
  const bad = steps.map((step) =>
    step.outputs.length > 0 ? { ...step, outputs: ['["i",{"type":"buy"}]'] } : step
  );
  await assert.rejects(
    queueTrials(recordingOf(bad), rows, () => paperOptions(config)),
    (error) => error instanceof OperationError && error.code === "SESSION_DAMAGED",
  );
});

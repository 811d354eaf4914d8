/** Replay equals the session: an hour at every strategy, answers of every kind, and no look ahead. */
import assert from "node:assert/strict";
import type { ExecutionEvent, FillEvent, Intent, MarketEvent } from "../../core/events.ts";
import { POLICY_NAMES } from "../../core/policy/registry.ts";
import { nextInt, seededRandom } from "../../core/random.ts";
import type { ExchangePort } from "../../core/session.ts";
import { type Ms, type Price, PRICE_SCALE, type Shares, type Usdc } from "../../core/units.ts";
import { openSession } from "../../feeds/session/reader.ts";
import { SessionRecorder } from "../../commands/trading/recorder.ts";
import { engineOptions, paperOptions } from "../../commands/trading/settings.ts";
import { ExchangeModel } from "../../core/exchange/exchange_model.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { type Group, syntheticMarket } from "./market.ts";
import { CONFIG, replayed, stageSession } from "./stage.ts";

Deno.test("an hour of two assets replays byte for byte, at every strategy", async () => {
  const groups = [...syntheticMarket({ seed: 3, minutes: 60 })];
  const hashes = new Set<string>();
  await withFolder(async (root) => {
    for (const strategy of POLICY_NAMES) {
      const { folder, recorder } = await stageSession({ root, id: strategy, strategy, groups });
      const { outcome, warnings } = await replayed(folder);
      assert.equal(outcome.firstDifference, null, strategy);
      assert.deepEqual(warnings, [], strategy);
      assert.equal(outcome.decisionsHash, recorder.decisions.hash, strategy);
      assert.equal(outcome.evaluations, recorder.engine.evaluations, strategy);
      assert.equal(outcome.intents, recorder.engine.ordersSent, strategy);
      assert.ok(outcome.events > 100_000 && outcome.evaluations > 10_000, strategy);
      assert.ok(
        strategy === "hold" || recorder.fillCount > 20,
        `${strategy} trades: ${recorder.fillCount} fills`,
      );
      hashes.add(outcome.decisionsHash);
    }
  });
  assert.equal(hashes.size, POLICY_NAMES.length, "every strategy decided something else");
});

/**
 * A venue with every kind of answer: it accepts, refuses, says nothing, fills in two halves, makes fills money or takes
 * them back, and changes the account on its own.
 */
function moodyExchange(seed: number): ExchangePort {
  const random = seededRandom(seed);
  const waiting: ExecutionEvent[] = [];
  let fills = 0;
  const tell = (event: ExecutionEvent) => waiting.push(event);
  const answer = (intent: Intent, now: Ms) => {
    const { orderId } = intent;
    const when = (delay: number) => ({ tExchange: (now + delay) as Ms, tReceive: (now + delay) as Ms });
    if (intent.type === "cancel") {
      return void tell({ type: "orderDone", orderId, reason: "cancelled", ...when(40) });
    }
    const mood = nextInt(random, 6);
    if (mood === 0) {
      return void tell({
        type: "orderRejected",
        orderId,
        code: "VENUE_REJECTED",
        message: "no",
        ...when(50),
      });
    }
    if (mood === 1) tell({ type: "orderUnknown", orderId, reason: "timeout", ...when(60) });
    else tell({ type: "orderAccepted", orderId, status: mood === 2 ? "delayed" : "matched", ...when(50) });
    const size = intent.side === "sell"
      ? intent.size
      : Math.floor(intent.spend * PRICE_SCALE / intent.limit / 2);
    for (let half = 0; half < (intent.side === "sell" ? 1 : 2); half++) {
      const fillId = `f${++fills}`;
      const fill: FillEvent = {
        type: "fill",
        orderId,
        fillId,
        token: intent.token,
        side: intent.side,
        price: intent.limit as Price,
        size: size as Shares,
        cash: Math.floor(size * intent.limit / PRICE_SCALE) as Usdc,
        fee: 1000 as Usdc,
        liquidity: "taker",
        provisional: true,
        ...when(70 + half),
      };
      tell(fill);
      const stage = random() < 0.3 ? "undone" as const : "final" as const;
      tell({ type: "fillStage", orderId, fillId, stage, ...when(900 + half) });
    }
    tell({ type: "orderDone", orderId, reason: "filled", ...when(1000) });
    if (random() < 0.2) {
      const reserved = [{ conditionId: intent.conditionId, cost: 5_000_000 as Usdc }];
      tell({
        type: "account",
        cashChange: -1_000_000 as Usdc,
        redeemed: 0 as Usdc,
        adopted: [],
        reserved,
        reason: "withdrawn",
        ...when(1500),
      });
    }
  };
  return {
    observe: () => {},
    submit: answer,
    advance: (now) => {
      waiting.sort((a, b) => a.tReceive - b.tReceive);
      const due = waiting.filter((event) => event.tReceive <= now);
      waiting.splice(0, due.length);
      return due;
    },
  };
}

Deno.test("answers of every kind are part of the record: unknown orders, undone fills, a changed account", async () => {
  await withFolder(async (root) => {
    for (const strategy of ["random", "fair-value", "mean-revert"]) {
      const { folder } = await stageSession({
        root,
        id: strategy,
        strategy,
        groups: syntheticMarket({ seed: 11, minutes: 11 }),
        exchange: moodyExchange(5),
      });
      const { outcome, warnings } = await replayed(folder);
      assert.deepEqual([outcome.firstDifference, warnings], [null, []], strategy);
      const types = new Set<string>();
      const recording = await openSession(folder);
      for await (const batch of recording.steps()) for (const { event } of batch) types.add(event.type);
      const wanted = [
        "orderAccepted",
        "orderRejected",
        "orderUnknown",
        "fill",
        "fillStage",
        "orderDone",
        "account",
      ];
      assert.deepEqual(wanted.filter((type) => !types.has(type)), [], strategy);
    }
  });
});

Deno.test("events out of order and frames of several events are recorded as the engine took them", async () => {
  const groups = [...syntheticMarket({ seed: 8, minutes: 7, assets: ["btc"] })];
  const late = groups.map((group, i) =>
    i % 9 === 5 ? group.map((event) => ({ ...event, tReceive: (event.tReceive - 900) as Ms })) : group
  );
  await withFolder(async (root) => {
    const { folder, recorder } = await stageSession({ root, id: "late", strategy: "random", groups: late });
    assert.ok(recorder.session.outOfOrder > 100);
    const { outcome } = await replayed(folder);
    assert.deepEqual([outcome.firstDifference, outcome.decisionsHash], [null, recorder.decisions.hash]);
    let last = 0;
    let joined = 0;
    const recording = await openSession(folder);
    for await (const batch of recording.steps()) {
      for (const { event, more } of batch) {
        assert.ok(event.tReceive >= last);
        last = event.tReceive;
        if (more) joined++;
      }
    }
    assert.ok(joined > 100);
  });
});

/** Trades groups without any file and tells each decision's line with the number of the group that brought it. */
function decisionsOn(strategy: string, groups: readonly Group[]): { line: string; group: number }[] {
  const plain = engineOptions(CONFIG, { strategy, seed: 42, stops: false });
  const lines: { line: string; group: number }[] = [];
  let group = 0;
  const recorder = new SessionRecorder({
    engine: { ...plain, limits: { ...plain.limits, maxSignalAgeMs: 2_000 } },
    exchange: new ExchangeModel(paperOptions(CONFIG)),
    monotonicUs: () => 0,
    writeDecision: (line) => lines.push({ line, group }),
  });
  for (; group < groups.length; group++) recorder.frame(groups[group] as MarketEvent[]);
  return lines;
}

Deno.test("no look ahead: the data cut after a decision gives that decision and all before it", () => {
  const groups = [...syntheticMarket({ seed: 21, minutes: 11, assets: ["btc"] })];
  for (const strategy of POLICY_NAMES.filter((name) => name !== "hold")) {
    const whole = decisionsOn(strategy, groups);
    assert.ok(whole.length >= 5, `${strategy}: ${whole.length}`);
    const random = seededRandom(whole.length);
    for (let tried = 0; tried < 12; tried++) {
      // The last ones too: there the most is known.
      const k = tried === 0 ? whole.length - 1 : nextInt(random, whole.length);
      const cut = decisionsOn(strategy, groups.slice(0, whole[k]!.group + 1));
      const upTo = whole.filter(({ group }) => group <= whole[k]!.group);
      assert.deepEqual(cut, upTo, `${strategy}, cut after decision ${k}`);
    }
  }
});

Deno.test("no look ahead: another future after a decision leaves it as it was", () => {
  const one = [...syntheticMarket({ seed: 21, minutes: 11, assets: ["btc"] })];
  const other = [...syntheticMarket({ seed: 22, minutes: 11, assets: ["btc"] })];
  for (const strategy of ["random", "fair-value", "gating", "mean-revert"]) {
    const whole = decisionsOn(strategy, one);
    const k = Math.floor(whole.length / 2);
    const at = whole[k]!.group;
    const now = one[at]![0]!.tReceive;
    const turned = [...one.slice(0, at + 1), ...other.filter((group) => group[0]!.tReceive > now)];
    const after = decisionsOn(strategy, turned);
    const known = whole.filter(({ group }) => group <= at);
    assert.deepEqual(after.slice(0, known.length), known, strategy);
    assert.notDeepEqual(
      after.map(({ line }) => line),
      whole.map(({ line }) => line),
      "the futures do differ",
    );
  }
});

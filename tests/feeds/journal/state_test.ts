import assert from "node:assert/strict";
import fc from "fast-check";
import { OperationError } from "../../../core/errors.ts";
import type { Entry } from "../../../core/orders/ledger.ts";
import type { LifeInput } from "../../../core/orders/lifecycle_types.ts";
import { exposureOfLife } from "../../../core/orders/ledger_exposure.ts";
import { kindOfInput, type LedgerInput, readRow } from "../../../feeds/journal/row_codec.ts";
import {
  applyLedger,
  applyLife,
  newWalletState,
  rebuildState,
  resumeState,
  type WalletState,
} from "../../../feeds/journal/state.ts";
import type { Ms, Usdc } from "../../../core/units.ts";
import { COND, fates, play, SENT, SETTLED, T0 } from "../../core/orders/lifecycle_model.ts";
import { opened, withFolder } from "./journals.ts";

/** Everything of a state, for comparing. */
const picture = ({ life, ledgers, isNew }: WalletState) =>
  JSON.stringify({ life, ledgers, isNew }, (_, value) => value instanceof Map ? [...value] : value);

/** Money alone. */
const moneyOf = ({ ledgers: { provisional, final, pendingOut } }: WalletState) =>
  JSON.stringify({ provisional, final, pendingOut }, (_, value) => value instanceof Map ? [...value] : value);

const opening: LedgerInput = { type: "opening", cash: 1_000_000_000 as Usdc };
const redeem: Entry = {
  id: "redeem:1",
  kind: "transfer",
  at: T0 as Ms,
  transfer: -5_000_000 as Usdc,
  parts: [],
};

/** All inputs of some orders, in an order that happens to be told. */
function storyOf(truths: readonly ReturnType<typeof play>[]): LifeInput[] {
  return truths.flatMap((truth) => [
    { type: "created" as const, at: T0 as Ms, terms: truth.terms },
    { type: "sent" as const, at: SENT as Ms, hash: truth.terms.hash },
    ...(truth.reply === null ? [] : [truth.reply]),
    ...truth.messages,
    { type: "cancelAsked" as const, at: (T0 + 2_000) as Ms, hash: truth.terms.hash },
    {
      type: "cancelReply" as const,
      at: (T0 + 2_100) as Ms,
      hash: truth.terms.hash,
      outcome: { kind: "unknown" as const, reason: "" },
    },
    truth.lookup(SETTLED as Ms, SETTLED as Ms),
  ]);
}

Deno.test("state rebuilt from the journal is the state that was: orders, trades, both ledgers", async () => {
  const lists = fc.sample(fc.array(fates, { minLength: 1, maxLength: 5 }), { numRuns: 25, seed: 11 });
  for (const list of lists) {
    await withFolder((folder) => {
      const journal = opened(folder);
      const whole = { afterMs: Infinity };
      const journalled = resumeState(journal, T0 as Ms, whole);
      const live = newWalletState(whole);
      journalled.ledger(opening, T0 as Ms);
      applyLedger(live, opening);
      for (const input of storyOf(list.map(play))) {
        assert.deepEqual(journalled.life(input), applyLife(live, input));
      }
      for (
        const input of [
          { type: "post", entry: redeem, stage: "final" },
          { type: "resolved", conditionId: COND, winner: "up" },
          { type: "fee", fillId: "none", fee: 1 as Usdc },
        ] as const satisfies LedgerInput[]
      ) assert.equal(journalled.ledger(input, T0 as Ms), applyLedger(live, input));
      assert.equal(picture(journalled.state), picture(live));
      assert.equal(picture(rebuildState(journal.rows(), whole)), picture(live));
      journal.close();
      const again = opened(folder);
      const resumed = resumeState(again, (SETTLED + 5) as Ms, whole);
      applyLife(live, { type: "restart", at: (SETTLED + 5) as Ms });
      assert.equal(picture(resumed.state), picture(live));
      assert.deepEqual(
        exposureOfLife(COND, resumed.state.life, resumed.state.ledgers),
        exposureOfLife(COND, live.life, live.ledgers),
      );
      again.close();
    });
  }
});

Deno.test("what the journal put away while it was written is put away at the same row when it is read, restarts included", async () => {
  const limits = { matched: 4, unmatched: 2, trades: 8 };
  const lists = fc.sample(fc.array(fates, { minLength: 12, maxLength: 12 }), { numRuns: 12, seed: 5 });
  let forgotten = 0;
  for (const list of lists) {
    await withFolder((folder) => {
      const truths = list.map(play);
      // Each order a minute after the one before, and its messages told once more half an hour later.
      const story = truths.flatMap((truth, i) =>
        storyOf([truth]).map((input) => ({ ...input, at: (input.at + i * 60_000) as Ms }))
      );
      const late = truths.flatMap((truth) => truth.messages).map((input) => ({
        ...input,
        at: (input.at + 1_800_000) as Ms,
      }));
      const rowsOf = [...story, ...late];
      const whole = newWalletState({ afterMs: Infinity });
      applyLedger(whole, opening);
      for (const compaction of [undefined, { afterMs: 60_000, limits }]) {
        const journal = opened(`${folder}/${compaction === undefined ? "a" : "b"}`);
        const first = resumeState(journal, T0 as Ms, compaction);
        first.ledger(opening, T0 as Ms);
        const half = Math.floor(rowsOf.length / 2);
        for (const input of rowsOf.slice(0, half)) first.life(input);
        assert.ok(first.state.life.past.orders > 0);
        journal.close();
        const again = opened(`${folder}/${compaction === undefined ? "a" : "b"}`);
        const second = resumeState(again, rowsOf[half]!.at, compaction);
        for (const input of rowsOf.slice(half)) second.life(input);
        assert.equal(picture(rebuildState(again.rows(), compaction)), picture(second.state));
        if (second.state.life.past.hasForgottenOrders) forgotten++;
        if (compaction === undefined) {
          for (const input of rowsOf.slice(0, half)) applyLife(whole, input);
          applyLife(whole, { type: "restart", at: rowsOf[half]!.at });
          for (const input of rowsOf.slice(half)) applyLife(whole, input);
          assert.equal(moneyOf(second.state), moneyOf(whole));
        }
        again.close();
      }
    });
  }
  assert.ok(forgotten > 0);
});

Deno.test("an order whose intent is on disk is asked for after a restart, whether or not its bytes left", async () => {
  await withFolder((folder) => {
    const truth = play({
      orderType: "GTC",
      side: "buy",
      reply: "lost",
      matches: [],
      end: "none",
      cancelAsked: false,
    }, 1);
    const journal = opened(folder);
    const before = resumeState(journal, T0 as Ms);
    before.ledger(opening, T0 as Ms);
    before.life({ type: "created", at: T0 as Ms, terms: truth.terms });
    // The process ends here.
    journal.close();
    const again = opened(folder);
    const { state, actions } = resumeState(again, SETTLED as Ms);
    assert.deepEqual(actions, [{ type: "askOrder", hash: truth.terms.hash, why: "unknown" }]);
    const exposure = exposureOfLife(COND, state.life, state.ledgers);
    assert.equal(exposure.freeCash, 1_000_000_000 - truth.terms.costBound);
    assert.equal(exposure.inFlight, true);
    again.close();
  });
});

Deno.test("nothing is applied that could not be journalled", async () => {
  await withFolder((folder) => {
    const journal = opened(folder, 30 * 4096);
    const { state, life } = resumeState(journal, T0 as Ms);
    const { terms } = play({
      orderType: "GTC",
      side: "buy",
      reply: "told",
      matches: [],
      end: "none",
      cancelAsked: false,
    }, 1);
    let taken = 0;
    const orderOf = (i: number): LifeInput => ({
      type: "created",
      at: T0 as Ms,
      terms: { ...terms, hash: `0x${i}`, token: "9".repeat(900) },
    });
    assert.throws(() => {
      for (;; taken++) life(orderOf(taken));
    }, (error) => error instanceof OperationError && error.code === "DISK_FULL");
    assert.ok(taken > 0);
    assert.equal(state.life.orders.size, taken);
    journal.close();
  });
});

Deno.test("every input is read back as it was written, and a row of another version is refused by number", async () => {
  const { terms, messages, reply, lookup } = play(
    {
      orderType: "GTD",
      side: "sell",
      reply: "told",
      matches: [{ shares: 3, maker: true, crossed: true, statuses: ["matched", "failed"] }],
      end: "cancelled",
      cancelAsked: true,
    },
    1,
  );
  const { hash } = terms;
  const at = T0 as Ms;
  const inputs: LifeInput[] = [
    { type: "created", at, terms },
    { type: "sent", at, hash },
    { type: "dropped", at, hash, code: "INTENT_EXPIRED" },
    { type: "cancelAsked", at, hash },
    { type: "openOrders", at, askedAt: at, hashes: [hash] },
    { type: "restart", at },
    { type: "submitReply", at, hash, outcome: { kind: "landed", message: "Duplicated" } },
    { type: "submitReply", at, hash, outcome: { kind: "killed", code: "NO_MATCH", message: "m" } },
    { type: "cancelReply", at, hash, outcome: { kind: "cancelled" } },
    lookup(at, at),
    { type: "lookup", at, hash, askedAt: at, found: null },
    reply!,
    ...messages,
  ];
  for (const input of inputs) {
    const kind = kindOfInput(input)!;
    assert.deepEqual(readRow(kind, JSON.stringify(input)), { of: "life", input });
    assert.throws(() => readRow(kind === "sent" ? "reply" : "sent", JSON.stringify(input)));
  }
  assert.deepEqual(readRow("note", "{}"), { of: "nothing" });
  assert.equal(kindOfInput({ type: "clock", at }), null);
  await withFolder((folder) => {
    const journal = opened(folder);
    journal.append("reconcile", { type: "restart", at }, at);
    journal.append("reply", { type: "fromTheFuture" }, at);
    assert.throws(() => rebuildState(journal.rows()), (error) => {
      assert.ok(error instanceof OperationError);
      assert.equal(error.code, "JOURNAL_ROW_UNKNOWN");
      assert.match(error.message, /row 2 /);
      return true;
    });
    journal.close();
  });
});

/**
 * Any interleaving of replies, user messages, questions, cancels, faults of the socket and of REST: in the end the engine
 * holds what the provisional ledger says, the final ledger what the venue has, every order ended once, every fill was told
 * once. `Account` asserts the per-event rules while it runs.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { heldOf } from "../../../core/orders/ledger.ts";
import type { Shares, Usdc } from "../../../core/units.ts";
import { DOWN, FakeVenue, settle, type SubmitFate, UP } from "./fake_venue.ts";
import { assertAgrees, intent, opened, resting, type Stage } from "./stage.ts";
import { withFolder } from "../journal/journals.ts";

const FATES: readonly SubmitFate[] = [
  "told",
  "lost",
  "never-landed",
  "server-error",
  "refused",
  "held",
  "garbled",
];

type Step =
  | {
    readonly do: "buy" | "rest" | "sell";
    readonly fate: SubmitFate;
    readonly part: number;
    readonly down: boolean;
  }
  | { readonly do: "match"; readonly pick: number; readonly shares: number }
  | { readonly do: "move"; readonly pick: number; readonly to: "mined" | "retrying" | "confirmed" | "failed" }
  | { readonly do: "deliver" | "double" | "lose"; readonly pick: number }
  | { readonly do: "cancel" | "end"; readonly pick: number }
  | { readonly do: "reply" | "drop" | "restore" | "deaf" | "hear" | "stuck" | "free" | "beat" }
  | { readonly do: "pass"; readonly tenths: number };

const pick = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("buy" as const, "rest" as const, "sell" as const),
      fate: fc.constantFrom(...FATES),
      part: fc.constantFrom(0, 3_000_000, 10_000_000, 10_000_000),
      down: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("match" as const), pick, shares: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("move" as const),
      pick,
      to: fc.constantFrom("mined" as const, "retrying" as const, "confirmed" as const, "failed" as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("deliver" as const, "deliver" as const, "double" as const, "lose" as const),
      pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "end" as const), pick }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(["reply", "reply", "drop", "restore", "deaf", "hear", "stuck", "free", "beat"] as const),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pass" as const), tenths: fc.integer({ min: 1, max: 40 }) }),
  },
);

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(1, list.length)];

/** Plays one step; `sent` are the engine's ids so far. */
async function play(stage: Stage, step: Step, sent: string[], agrees = true): Promise<void> {
  const { venue, gateway } = stage;
  const now = venue.clock.now();
  switch (step.do) {
    case "buy":
    case "rest":
    case "sell": {
      const own = step.down ? DOWN : UP;
      // The gate's rules: settled shares only, one order of a window at a time when it sells.
      const open = sent.some((id) => !stage.account.ends.has(id));
      if (step.do === "sell" && (open || stage.account.portfolio.sellableOf(own) < 10_000_000)) break;
      venue.fallback = step.fate;
      venue.matches = [step.part];
      const side = step.do === "sell" ? "sell" as const : "buy" as const;
      const size = { size: 10_000_000 as Shares, spend: 0 as Usdc };
      const token = step.down ? { token: DOWN, outcome: "down" as const } : {};
      const wanted = step.do === "rest"
        ? resting(venue, token)
        : intent(venue, { ...token, side, ...(side === "sell" ? size : {}) });
      sent.push(wanted.orderId);
      gateway.submit(wanted, now);
      break;
    }
    case "match": {
      const order = at([...venue.orders.values()].filter(({ status }) => status === "live"), step.pick);
      const shares = order === undefined ? 0 : Math.min(step.shares * 1_000_000, order.size - order.matched);
      if (order !== undefined && shares > 0) venue.match(order, shares);
      break;
    }
    case "move": {
      const id = at([...venue.trades.keys()], step.pick);
      if (id !== undefined) venue.move(id, step.to);
      break;
    }
    case "deliver":
      if (venue.outbox.length > 0) venue.deliver(step.pick % venue.outbox.length);
      break;
    case "double": {
      const input = at(venue.outbox, step.pick);
      if (input !== undefined) venue.feed?.onInput(input);
      break;
    }
    case "lose":
      if (venue.outbox.length > 0) venue.outbox.splice(step.pick % venue.outbox.length, 1);
      break;
    case "cancel": {
      const orderId = at(sent, step.pick);
      if (orderId !== undefined) gateway.submit({ type: "cancel", orderId, bornAt: now }, now);
      break;
    }
    case "end": {
      const order = at([...venue.orders.values()], step.pick);
      if (order !== undefined) venue.end(order);
      break;
    }
    case "reply":
      venue.held.shift()?.();
      break;
    case "drop":
      venue.feed?.onDown("gone");
      break;
    case "restore":
      venue.feed?.onUp();
      break;
    case "deaf":
      venue.readsFail = true;
      break;
    case "hear":
      venue.readsFail = false;
      break;
    case "stuck":
      venue.cancelsFail = true;
      break;
    case "free":
      venue.cancelsFail = false;
      break;
    case "beat":
      stage.heart.onLost("silence");
      stage.heart.onAlive();
      break;
    case "pass":
      await stage.pass(step.tenths * 100);
  }
  await settle(12);
  stage.pump();
  if (agrees) assertAgrees(stage);
}

/** Whatever was lost, the venue is asked and tells; nothing may stay open. */
async function comeToRest(stage: Stage): Promise<void> {
  const { venue, gateway } = stage;
  venue.readsFail = false;
  venue.cancelsFail = false;
  for (const reply of venue.held.splice(0)) reply();
  await settle();
  for (const order of venue.orders.values()) venue.end(order);
  venue.confirmAll();
  venue.outbox = [];
  venue.feed!.onDown("lost all of it");
  venue.feed!.onUp();
  await stage.pass(100_000);
  assert.equal(gateway.refusal(), null);
}

async function prove(steps: readonly Step[]): Promise<void> {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const stage = await opened(folder, venue);
    await stage.during(stage.gateway.start());
    stage.listen();
    stage.pump();
    // Something to sell.
    stage.gateway.submit(intent(venue, { spend: 20_000_000 as Usdc }), venue.clock.now());
    await settle();
    venue.confirmAll();
    await settle();
    venue.autoDeliver = false;
    const sent: string[] = [];
    for (const step of steps) await play(stage, step, sent);
    await comeToRest(stage);
    const { account, gateway } = stage;
    assertAgrees(stage);
    assert.equal(account.ends.size, sent.length + 1, "every order ended");
    const { final, provisional } = gateway.wallet.ledgers;
    assert.equal(final.cash, venue.cash, "final cash is the venue's");
    assert.equal(provisional.cash, venue.cash, "nothing is provisional any more");
    for (const token of [UP, DOWN]) {
      const sums = final.tokens.get(token);
      assert.equal(sums === undefined ? 0 : heldOf(sums), venue.shares.get(token), `shares of ${token}`);
    }
    for (const [id, stageOfFill] of account.fills) assert.notEqual(stageOfFill, "told", `${id} settled`);
    assert.equal(
      [...venue.trades.values()].filter(({ report }) => report.state === "confirmed").length,
      [...account.fills.values()].filter((fill) => fill === "final").length,
    );
    const hashes = [...stage.journal.rows()].filter(({ kind }) => kind === "intent").length;
    assert.equal(hashes, gateway.stats.submitted, "one row, one request");
    await stage.during(gateway.stop());
    // A restart over the same journal comes to the same account.
    const again = await opened(folder, venue);
    const report = await again.during(again.gateway.start());
    again.pump();
    assert.equal(again.account.portfolio.cash, venue.cash);
    assert.deepEqual([report.unknown, report.unsettled], [[], 0]);
    await again.during(again.gateway.stop());
  });
}

Deno.test("whatever order messages, replies and faults come in, account, ledgers and venue agree in the end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), prove),
    { numRuns: 40 },
  );
});

/** A run dies after some steps, its successor goes on over the same journal and the same venue. */
async function proveKilled(before: readonly Step[], after: readonly Step[]): Promise<void> {
  await withFolder(async (folder) => {
    const venue = new FakeVenue();
    const first = await opened(folder, venue);
    await first.during(first.gateway.start());
    first.listen();
    first.gateway.submit(intent(venue, { spend: 20_000_000 as Usdc }), venue.clock.now());
    await settle();
    venue.confirmAll();
    await settle();
    venue.autoDeliver = false;
    for (const step of before) await play(first, step, []);
    first.journal.close();
    const submits = venue.log.filter((call) => call === "submit").length;
    venue.feed = null;
    venue.outbox = [];
    venue.held = [];
    venue.readsFail = false;
    venue.cancelsFail = false;

    const stage = await opened(folder, venue);
    await stage.during(stage.gateway.start());
    stage.listen();
    stage.pump();
    assert.deepEqual(venue.openHashes(), [], "nothing of the dead run is open");
    assert.equal(venue.log.filter((call) => call === "submit").length, submits, "nothing is sent again");
    const sent: string[] = [];
    for (const step of after) await play(stage, step, sent, false);
    await comeToRest(stage);
    const { account, gateway } = stage;
    assert.equal(account.ends.size, sent.length, "every order of this run ended");
    assert.equal(gateway.wallet.ledgers.final.cash, venue.cash);
    assert.equal(account.portfolio.cash, venue.cash);
    for (const token of [UP, DOWN]) assert.equal(account.portfolio.sharesOf(token), venue.shares.get(token));
    assert.deepEqual(account.portfolio.reserved, []);
    await stage.during(gateway.stop());
  });
}

Deno.test("killed at any instant and started again, the account comes to the venue's truth and nothing is sent twice", async () => {
  const steps = fc.array(step, { maxLength: 20 });
  await fc.assert(fc.asyncProperty(steps, steps, proveKilled), { numRuns: 40 });
});

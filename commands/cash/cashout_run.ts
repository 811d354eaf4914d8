/**
 * A cash-out from its first step to the balance change at the destination. Every step can be cut off anywhere: what was signed
 * is in the journal, everything else is read from the chain again. A run pays once.
 */
import { OperationError } from "../../core/errors.ts";
import { transferTopics } from "../../feeds/chain/proof.ts";
import { ms } from "../../core/units.ts";
import { findReceipt } from "../../feeds/chain/desk.ts";
import type { MoneyRun, Operation } from "../../feeds/chain/money_journal.ts";
import { cancelWithProgress } from "../cancel_all.ts";
import {
  assetToken,
  type CashoutWish,
  destinationBalance,
  holdingsData,
  microOf,
  paymentDeed,
  settleFills,
} from "./cashout_plan.ts";
import { type CashDesk, microText, polText } from "./desk.ts";
import { type Harvest, harvest, type Left, leftOver, mergesOf, redeemsOf } from "./harvest.ts";
import { type ChainHoldings, chainHoldings, knownTokens } from "./holdings.ts";
import { paidBy, perform, settleOpen } from "./perform.ts";
import { refreshVenue } from "./simple.ts";

export interface CashoutReport {
  /** Millionths that left the wallet. */
  readonly paid: bigint;
  readonly payment: Operation | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly left: readonly Left[];
  /** Something that could have been cashed stays in the wallet. */
  readonly partial: boolean;
}

/** Whoever wants money out can say it again sooner than whoever wants nothing to be open. */
const CANCEL_MS = ms(120_000);

const note = (desk: CashDesk, run: MoneyRun, notes: Readonly<Record<string, unknown>>): void =>
  desk.journal.append({ type: "note", run: run.id, notes });

function incomplete(what: string, details: Record<string, unknown>): OperationError {
  return new OperationError({
    code: "CASHOUT_INCOMPLETE",
    message: `Cannot finish the cash-out: ${what}`,
    hint: "Nothing was paid. Run the same command again.",
    details,
    exit: 5,
  });
}

/** Cancels everything and proves it. Orders that stay could take the money that is to be paid. */
async function cancelOrders(desk: CashDesk, run: MoneyRun): Promise<void> {
  const { canceled, openAfter, notCanceled } = await cancelWithProgress(desk.ctx, desk.open, null, CANCEL_MS);
  note(desk, run, { canceled: Number(run.notes["canceled"] ?? 0) + canceled.length });
  if (openAfter === 0) return;
  const what = openAfter === null
    ? "the open orders could not be read"
    : `${openAfter} orders are still open`;
  throw incomplete(what, { notCanceled, left: [{ what: "open orders", reason: "ORDERS_OPEN" }] });
}

const keyOf = ({ kind, window }: Harvest): string => `${kind}/${window.conditionId}`;

/** What merging and redeeming should bring, kept from the first plan on, so that the end can be checked against it. */
function expect(desk: CashDesk, run: MoneyRun, items: readonly Harvest[]): void {
  const known = desk.journal.run(run.id).notes["expected"] as Record<string, string> | undefined;
  const expected: Record<string, string> = { ...known };
  for (const item of items) expected[keyOf(item)] ??= microText(item.brings);
  note(desk, run, { expected });
}

/** Merges and redeems. A window may resolve meanwhile, so what is there is read again for the second half. */
async function collect(desk: CashDesk, run: MoneyRun, wish: CashoutWish): Promise<ChainHoldings> {
  const known = await knownTokens(desk, wish.search);
  const first = await chainHoldings(desk, known);
  const before = desk.journal.run(run.id).notes["before"];
  if (before === undefined) note(desk, run, { before: holdingsData(first) });
  const items = [...mergesOf(first), ...redeemsOf(first)];
  expect(desk, run, items);
  if (items.length === 0) return first;
  const merged = await harvest(desk, run.id, first, mergesOf(first));
  const second = merged.failed.length === 0 && mergesOf(first).length === 0
    ? first
    : await chainHoldings(desk, known);
  const redeems = redeemsOf(second);
  expect(desk, run, redeems);
  await harvest(desk, run.id, second, redeems);
  const after = await chainHoldings(desk, known);
  // What could not be done did not bring anything.
  const expected = { ...desk.journal.run(run.id).notes["expected"] as Record<string, string> };
  for (const item of [...mergesOf(after), ...redeemsOf(after)]) {
    if (expected[keyOf(item)] === microText(item.brings)) delete expected[keyOf(item)];
  }
  note(desk, run, { expected });
  return after;
}

/** Signs and sends the payment. Returns null when nothing is there to pay. */
async function pay(
  desk: CashDesk,
  run: MoneyRun,
  wish: CashoutWish,
  held: bigint,
): Promise<Operation | null> {
  const holdings = await collect(desk, run, wish);
  const free = holdings.pusd > held ? holdings.pusd - held : 0n;
  const amount = wish.amount ?? free;
  if (amount > free) {
    throw new OperationError({
      code: "FUNDS_INSUFFICIENT",
      message: `Cannot pay ${microText(amount)} pUSD: ${microText(free)} is free after merging and redeeming`,
      hint: "Ask for less, or use --all.",
      details: {
        asked: microText(amount),
        free: microText(free),
        held: microText(held),
        left: leftOver(holdings).map(({ reason, what }) => ({ what, reason })),
      },
      exit: 3,
    });
  }
  if (amount === 0n) return null;
  const destination = await destinationBalance(desk, wish);
  note(desk, run, { destination: microText(destination), held: microText(held) });
  const paid = await perform(desk, run.id, paymentDeed(wish, holdings, amount));
  if (paid.fate === "landed") return paid;
  throw incomplete("the payment's number was used by other transactions, three times", { fate: paid.fate });
}

/** The payment's own log at the destination. */
async function arrivedByLog(desk: CashDesk, wish: CashoutWish, payment: Operation): Promise<boolean> {
  const hash = payment.landing?.hash;
  const receipt = hash == null ? null : await findReceipt(desk, [hash]);
  const [topic, , to] = transferTopics(null, wish.to);
  return receipt?.logs.some(({ address, data, topics }) =>
    address === assetToken(wish.asset).toLowerCase() && topics[0] === topic &&
    topics[2]?.toLowerCase() === to &&
    BigInt(data) === BigInt(payment.payment?.amount ?? "0")
  ) ?? false;
}

/** Looks before a balance that others move too is given up on. */
const LOOKS = 8;

/**
 * Waits until the destination has it. Its owner may spend meanwhile: then the token's log in the confirmed receipt counts.
 * Throws PAYMENT_UNSEEN (exit 5).
 */
async function seeArrival(
  desk: CashDesk,
  run: MoneyRun,
  wish: CashoutWish,
  payment: Operation,
): Promise<{ readonly before: bigint; readonly after: bigint; readonly byLog: boolean }> {
  const before = microOf(desk.journal.run(run.id).notes["destination"]);
  const amount = BigInt(payment.payment?.amount ?? "0");
  let after = before;
  for (let look = 0; look < LOOKS; look++) {
    try {
      after = await destinationBalance(desk, wish);
      if (after - before >= amount) return { before, after, byLog: false };
    } catch (error) {
      desk.signal.throwIfAborted();
      if (look === LOOKS - 1) throw error;
    }
    desk.onProgress("waits for the balance of the destination");
    await desk.clock.sleep(ms(1_500), desk.signal);
  }
  if (await arrivedByLog(desk, wish, payment)) return { before, after, byLog: true };
  throw new OperationError({
    code: "PAYMENT_UNSEEN",
    message: `Cannot see the payment at ${wish.to}: its balance was ${microText(before)} and is ${
      microText(after)
    }`,
    hint: "Look the transaction up. Running the same command again looks again and pays nothing.",
    details: { hash: payment.landing?.hash ?? null },
    exit: 5,
  });
}

async function leftAfter(
  desk: CashDesk,
  wish: CashoutWish,
  held: bigint,
): Promise<{ readonly holdings: ChainHoldings; readonly left: Left[] }> {
  const holdings = await chainHoldings(desk, await knownTokens(desk, wish.search));
  const left = leftOver(holdings);
  const kept = holdings.pusd > held ? holdings.pusd - held : 0n;
  if (held > 0n) left.push({ what: "pUSD", amount: held, reason: "FILLS_PROVISIONAL" });
  if (kept > 0n) left.push({ what: "pUSD", amount: kept, reason: "NOT_ASKED_FOR" });
  if (holdings.usdce > 0n) left.push({ what: "USDC.e", amount: holdings.usdce, reason: "USDC_E" });
  return { holdings, left };
}

/** Reasons that do not make a cash-out of everything a partial one. */
const HARMLESS = ["WORTHLESS", "USDC_E"];

function reportOf(
  desk: CashDesk,
  run: MoneyRun,
  wish: CashoutWish,
  parts: {
    readonly payment: Operation | null;
    readonly arrival: Awaited<ReturnType<typeof seeArrival>> | null;
    readonly end: Awaited<ReturnType<typeof leftAfter>>;
  },
): CashoutReport {
  const { arrival, end, payment } = parts;
  const { notes } = desk.journal.run(run.id);
  const paid = BigInt(payment?.payment?.amount ?? "0");
  const expected = Object.values(notes["expected"] as Record<string, string> | undefined ?? {});
  const gained = expected.reduce((sum, text) => sum + microOf(text), 0n);
  const before = notes["before"] as { readonly pusd: string; readonly gas: string } | undefined;
  const unexplained = end.holdings.pusd - (microOf(before?.pusd) + gained - paid);
  const spent = desk.journal.operationsOf(run.id).reduce(
    (sum, { intent, landing }) =>
      intent.kind === "eoa" && landing !== null
        ? sum + BigInt(landing.gasUsed ?? "0") * BigInt(landing.gasPrice ?? "0")
        : sum,
    0n,
  );
  if (unexplained !== 0n) {
    desk.ctx.warn({
      code: "BALANCE_UNEXPLAINED",
      message:
        `The wallet has ${
          microText(unexplained)
        } pUSD more (or less) than the steps explain: trades that settled ` +
        "meanwhile, or transfers of others.",
    });
  }
  const data = {
    to: wish.to,
    asset: wish.asset,
    paid: microText(paid),
    hash: payment?.landing?.hash ?? null,
    canceled: notes["canceled"] ?? 0,
    gained: microText(gained),
    gas: polText(spent),
    before: before ?? null,
    after: holdingsData(end.holdings),
    destination: arrival === null ? null : {
      before: microText(arrival.before),
      after: microText(arrival.after),
      seenBy: arrival.byLog ? "log" : "balance",
    },
    unexplained: microText(unexplained),
  };
  const partial = wish.amount === null && end.left.some(({ reason }) => !HARMLESS.includes(reason));
  return { paid, payment, data, left: end.left, partial };
}

/** Does what is left of a run. Throws what its steps throw; then the journal knows what is under way. */
export async function runCashout(desk: CashDesk, run: MoneyRun, wish: CashoutWish): Promise<CashoutReport> {
  await settleOpen(desk);
  let payment = paidBy(desk, run.id);
  if (payment === null) {
    await cancelOrders(desk, desk.journal.run(run.id));
    const held = await settleFills(desk);
    if (held > 0n) note(desk, run, { held: microText(held) });
    payment = await pay(desk, run, wish, held);
  }
  const arrival = payment === null ? null : await seeArrival(desk, run, wish, payment);
  await refreshVenue(desk);
  const held = microOf(desk.journal.run(run.id).notes["held"]);
  return reportOf(desk, run, wish, { payment, arrival, end: await leftAfter(desk, wish, held) });
}

/**
 * Does one thing on the chain and tells what became of it: signed, journalled, sent, seen. A payment is signed only when every
 * earlier payment of its run is known to have failed, or cannot land beside it.
 */
import { invariant, OperationError } from "../../core/errors.ts";
import type { Call } from "../../feeds/chain/contracts.ts";
import { reviewEoa, settleEoa, signEoa } from "../../feeds/chain/eoa.ts";
import type { MoneyRun, Operation, Payment } from "../../feeds/chain/money_journal.ts";
import { reviewRelayed, settleRelayed, signRelayed } from "../../feeds/chain/relayed.ts";
import type { CashDesk } from "./desk.ts";

export interface Deed {
  readonly name: string;
  readonly title: string;
  readonly calls: readonly Call[];
  /** Of the last call. */
  readonly payment?: Payment;
}

/** Begins a run in the journal. */
export function beginRun(desk: CashDesk, command: string, args: Readonly<Record<string, unknown>>): MoneyRun {
  const run = `${command}-${desk.clock.now()}-${desk.tag()}`;
  desk.journal.append({ type: "run", run, command, atMs: desk.clock.now(), args });
  return desk.journal.run(run);
}

/** Ends it. */
export function endRun(desk: CashDesk, run: string, result: Readonly<Record<string, unknown>>): void {
  desk.journal.append({ type: "end", run, atMs: desk.clock.now(), result });
}

const isRelayed = ({ intent }: Operation): boolean => intent.kind === "relay";

/** Whatever was refused at this number cannot land any more: its successor has. */
function buryDormant(desk: CashDesk, landed: Operation): void {
  for (const op of desk.journal.dormant) {
    if (isRelayed(op) !== isRelayed(landed) || String(op.intent.nonce) !== String(landed.intent.nonce)) {
      continue;
    }
    desk.journal.append({
      type: "fate",
      op: op.id,
      fate: "void",
      why: "its number was used by its successor",
      landing: null,
    });
  }
}

async function settle(desk: CashDesk, id: string, resumed: boolean): Promise<Operation> {
  const op = desk.journal.operation(id);
  const settled = isRelayed(op) ? await settleRelayed(desk, id) : await settleEoa(desk, id, resumed);
  if (settled.fate === "landed" || settled.fate === "reverted") buryDormant(desk, settled);
  return settled;
}

async function reviewDormant(desk: CashDesk): Promise<void> {
  for (const op of desk.journal.dormant) {
    if (isRelayed(op)) await reviewRelayed(desk, op);
    else await reviewEoa(desk, op);
  }
}

/**
 * Brings everything that earlier commands have left under way to its end: sent again as it was signed, or proved to have landed.
 * Throws TX_PENDING and the rest of `settleEoa` and `settleRelayed`.
 */
export async function settleOpen(desk: CashDesk): Promise<void> {
  for (const op of desk.journal.underWay) {
    desk.onProgress(`${op.title}: was under way`);
    await settle(desk, op.id, true);
  }
  await reviewDormant(desk);
}

/** The payment of a run that has landed; null while none has. */
export const paidBy = (desk: CashDesk, run: string): Operation | null =>
  desk.journal.operationsOf(run).find(({ fate, payment }) => payment !== null && fate === "landed") ?? null;

/** Nothing of this run may still pay when another payment is signed, unless it has the same number. */
function mayPay(desk: CashDesk, run: string, signed: Operation): void {
  for (const op of desk.journal.operationsOf(run)) {
    if (op.payment === null || op.id === signed.id) continue;
    invariant(op.fate !== "landed", "a run pays once");
    invariant(op.fate !== null, "no payment is signed while the fate of another is open");
    if (op.fate !== "dormant") continue;
    const same = op.intent.kind === signed.intent.kind &&
      String(op.intent.nonce) === String(signed.intent.nonce);
    invariant(same, "a payment after a refused one has its number");
  }
}

/** Signs, sends and sees one operation. */
async function once(desk: CashDesk, run: string, deed: Deed): Promise<Operation> {
  if (deed.payment !== undefined) {
    const blocked = desk.journal.operationsOf(run).some(({ fate, payment }) =>
      payment !== null && (fate === null || fate === "landed")
    );
    invariant(!blocked, "a payment is signed only when no other of its run may land");
  }
  const sign = desk.relayer === null ? signEoa : signRelayed;
  const wanted = { id: `${run}/${desk.tag()}`, run, ...deed, payment: deed.payment ?? null };
  const signed = await sign(desk, wanted);
  try {
    if (deed.payment !== undefined) mayPay(desk, run, signed);
  } catch (error) {
    // It exists on this disk only.
    desk.journal.append({ type: "fate", op: signed.id, fate: "void", why: "never sent", landing: null });
    throw error;
  }
  desk.ctx.signal.throwIfAborted();
  return await settle(desk, signed.id, false);
}

const MAX_TRIES = 3;

function reverted(op: Operation): OperationError {
  return new OperationError({
    code: "TX_REVERTED",
    message: `Cannot do "${op.title}": the transaction was mined and failed, twice`,
    hint: "Nothing has moved but gas. Look the transaction up, then run the same command again.",
    details: { step: op.name, hash: op.landing?.hash ?? null },
    exit: 5,
  });
}

/**
 * Does a deed: one batch through the relayer, or one transaction a call. Returns the last operation when it landed. `void` is
 * told too: something else used the number, and the caller reads the chain anew. Throws TX_REVERTED (exit 5) after two
 * failures, and what signing and settling throw.
 */
export async function perform(desk: CashDesk, run: string, deed: Deed): Promise<Operation> {
  const parts: Deed[] = desk.relayer !== null ? [deed] : deed.calls.map((call, at) => {
    const isLast = at === deed.calls.length - 1;
    const { payment: _, ...plain } = deed;
    const title = isLast ? deed.title : `${deed.title}: approval`;
    return { ...plain, title, calls: [call], ...(isLast && deed.payment ? { payment: deed.payment } : {}) };
  });
  let last: Operation | null = null;
  for (const part of parts) {
    let failures = 0;
    for (let attempt = 1;; attempt++) {
      last = await once(desk, run, part);
      if (last.fate === "landed") break;
      if (last.fate === "void") {
        await reviewDormant(desk);
        const paid = part.payment === undefined ? null : paidBy(desk, run);
        if (paid !== null) return paid;
        // What a wallet did by an unknown transaction shows in its state; a payment was looked for in the logs.
        if (part.payment === undefined) break;
        if (attempt >= MAX_TRIES) return last;
        continue;
      }
      if (++failures >= 2) throw reverted(last);
      desk.onProgress(`${part.title}: failed on the chain; once more`);
    }
  }
  invariant(last !== null, "a deed has calls");
  return last;
}

/** Steps, gas and what is left, for people and for programs. */
import type { MoneyRun, Operation } from "../../feeds/chain/money_journal.ts";
import { moneyText, paint, table } from "../output.ts";
import { type CashDesk, microText, polText } from "./desk.ts";
import type { Left } from "./harvest.ts";

/** One operation of a run. `hash` null: not known, or it never left. */
export function stepData(op: Operation) {
  const { intent, landing } = op;
  const last = intent.kind === "eoa" ? intent.tries.at(-1)?.hash ?? null : null;
  const used = BigInt(landing?.gasUsed ?? "0");
  const price = BigInt(landing?.gasPrice ?? "0");
  return {
    step: op.name,
    title: op.title,
    state: op.fate ?? "under way",
    hash: landing?.hash ?? last,
    by: intent.kind === "eoa" ? "key" : "relayer",
    nonce: String(intent.nonce),
    replaced: intent.kind === "eoa" ? intent.tries.length - 1 : 0,
    gasUsed: landing?.gasUsed ?? null,
    // The relayer pays for its own.
    gasCost: intent.kind === "eoa" && landing?.gasUsed != null ? polText(used * price) : null,
    ...(op.why === "" ? {} : { why: op.why }),
  };
}

export const stepsData = (desk: CashDesk, run: MoneyRun) => desk.journal.operationsOf(run.id).map(stepData);

/** The steps as a table. */
export function stepsTable(steps: readonly ReturnType<typeof stepData>[], color: boolean): string {
  if (steps.length === 0) return "nothing had to be sent";
  const pen = paint(color);
  return table({
    head: ["step", "state", "gas POL", "transaction"],
    align: ["left", "left", "right", "left"],
    color,
    rows: steps.map(({ gasCost, hash, state, title }) => [
      title,
      state === "landed" ? pen.green(state) : pen.yellow(state),
      gasCost ?? "-",
      hash ?? "-",
    ]),
  });
}

export const leftData = (left: readonly Left[]) =>
  left.map(({ amount, note, reason, what }) => ({
    what,
    amount: microText(amount),
    reason,
    ...(note === undefined ? {} : { note }),
  }));

const WORDS: Readonly<Record<string, string>> = {
  WINDOW_OPEN: "its window has not resolved on the chain yet",
  WORTHLESS: "lost: redeeming it would bring nothing",
  NOT_REDEEMED: "redeeming it did not work, see the warnings",
  WINDOW_UNKNOWN: "the venue does not name its window",
  ORDERS_OPEN: "held by orders that could not be cancelled",
  FILLS_PROVISIONAL: "held back for matched trades that are not settled",
  USDC_E: "not pUSD: `wrap` makes it so",
  NOT_ASKED_FOR: "stays in the wallet: more than was asked for",
};

/** What is left and why. */
export function leftTable(left: readonly Left[], color: boolean): string {
  if (left.length === 0) return "nothing is left";
  return table({
    head: ["left", "amount", "why"],
    align: ["left", "right", "left"],
    color,
    rows: left.map(({ amount, note, reason, what }) => [
      what,
      moneyText(Number(amount)),
      note ?? WORDS[reason] ?? reason,
    ]),
  });
}

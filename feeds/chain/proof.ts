/** Whether a payment has happened, from the token's own logs: independent of receipts, hashes and the relayer's word. */
import { id, zeroPadValue } from "ethers";
import { isObject } from "../net/sink.ts";
import { PUSD } from "./contracts.ts";
import type { Landing, MoneyJournal, Operation } from "./money_journal.ts";
import { hex, quantity, type Rpc } from "./rpc.ts";

const TRANSFER = id("Transfer(address,address,uint256)");
/** Endpoints answer for some ten thousand blocks at once (five hours); a day is looked through. */
const SPAN = 9_000;
const MAX_SPANS = 6;

const word = (address: string): string => zeroPadValue(address, 32).toLowerCase();

/** Topic filter of transfers. */
export const transferTopics = (from: string | null, to: string | null): (string | null)[] => [
  TRANSFER,
  from === null ? null : word(from),
  to === null ? null : word(to),
];

export interface SeenTransfer {
  readonly hash: string;
  readonly block: number;
}

/**
 * The transfer of pUSD that a payment makes, unless another operation of the journal has made it; null when there is none.
 * Throws RPC_FAILED and NodeRefusal: then nothing is known.
 */
export async function findPayment(
  rpc: Rpc,
  journal: MoneyJournal,
  wallet: string,
  op: Operation,
): Promise<SeenTransfer | null> {
  const { payment } = op;
  if (payment === null) return null;
  const taken = new Set(
    [...journal.operations.values()].filter((other) => other.id !== op.id).map(({ landing }) =>
      landing?.hash ?? ""
    ),
  );
  const head = Number(quantity(await rpc.ask("eth_blockNumber", [])) ?? 0n);
  for (let span = 0, from = op.fromBlock; span < MAX_SPANS && from <= head; span++, from += SPAN) {
    const filter = {
      address: PUSD,
      // Ramps differ in whom they have the dollars sent to; wallet, amount and time name the payment well enough.
      topics: transferTopics(wallet, null),
      fromBlock: hex(from),
      toBlock: hex(Math.min(head, from + SPAN - 1)),
    };
    const rows = await rpc.ask("eth_getLogs", [filter]);
    for (const row of Array.isArray(rows) ? rows : []) {
      if (!isObject(row)) continue;
      const hash = String(row["transactionHash"]).toLowerCase();
      const block = quantity(row["blockNumber"]);
      if (block === null || quantity(row["data"]) !== BigInt(payment.amount) || taken.has(hash)) continue;
      return { hash, block: Number(block) };
    }
  }
  return null;
}

/** A landing of which only hash and block are known. */
export const landingSeen = ({ block, hash }: SeenTransfer): Landing => ({
  hash,
  block,
  gasUsed: null,
  gasPrice: null,
});

/** Whether a payment has happened, from the token's own logs: independent of receipts, hashes and the relayer's word. */
import { id, zeroPadValue } from "ethers";
import { isObject } from "../net/sink.ts";
import { CTF, POSITION_MANAGER, PUSD, USDC_E } from "./contracts.ts";
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

/** The signature in a relayed batch's body: part of the calldata of the one transaction that carries it. */
function signatureOf({ intent }: Operation): string | null {
  if (intent.kind !== "relay") return null;
  const body: unknown = JSON.parse(intent.body);
  const signature = isObject(body) ? body["signature"] : null;
  return typeof signature === "string" && /^0x[0-9a-fA-F]{130,}$/.test(signature)
    ? signature.slice(2).toLowerCase()
    : null;
}

/** Transactions that are looked at for one batch. */
const MAX_CANDIDATES = 200;

/**
 * The transaction that has carried a relayed batch whose name at the relayer is not known (the process was killed before it had
 * the answer): among those that moved or granted something of the wallet, the one with the batch's signature in its calldata.
 * Null when there is none. Throws as `findPayment`.
 */
export async function findBatch(rpc: Rpc, wallet: string, op: Operation): Promise<string | null> {
  const signature = signatureOf(op);
  if (signature === null) return null;
  const asked = new Set<string>();
  const head = Number(quantity(await rpc.ask("eth_blockNumber", [])) ?? 0n);
  const address = [PUSD, USDC_E, CTF, POSITION_MANAGER];
  for (let span = 0, from = op.fromBlock; span < MAX_SPANS && from <= head; span++, from += SPAN) {
    // The wallet is the first topic of grants and payments, the second of shares taken and dollars received.
    for (const topics of [[null, word(wallet)], [null, null, word(wallet)]]) {
      const toBlock = hex(Math.min(head, from + SPAN - 1));
      const rows = await rpc.ask("eth_getLogs", [{ address, topics, fromBlock: hex(from), toBlock }]);
      for (const row of Array.isArray(rows) ? rows : []) {
        const hash = isObject(row) ? String(row["transactionHash"]).toLowerCase() : "";
        if (hash === "" || asked.has(hash) || asked.size >= MAX_CANDIDATES) continue;
        asked.add(hash);
        const tx = await rpc.ask("eth_getTransactionByHash", [hash]);
        if (isObject(tx) && String(tx["input"]).toLowerCase().includes(signature)) return hash;
      }
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

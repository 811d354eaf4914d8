/** What everything that sends needs: the chain, the journal, the key, the limits. */
import { OperationError } from "../../core/errors.ts";
import { ms } from "../../core/units.ts";
import type { Clock } from "../clock.ts";
import type { Secret } from "../keys/secret.ts";
import type { Account } from "../polymarket/signing/order.ts";
import type { FeeLimits } from "./fees.ts";
import type { MoneyJournal, Operation } from "./money_journal.ts";
import type { RelayerClient } from "./relayer.ts";
import { isObject } from "../net/sink.ts";
import { quantity, type Rpc } from "./rpc.ts";

export interface SendLimits extends FeeLimits {
  /** Blocks that a receipt must be deep, its own included. */
  readonly confirmations: number;
  /** Without a receipt for this long a transaction is replaced by a dearer one, venue ms. */
  readonly stuckAfterMs: number;
  /** A command waits this long for one transaction, venue ms. */
  readonly giveUpMs: number;
}

export interface SendDesk {
  readonly rpc: Rpc;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly signal: AbortSignal;
  readonly journal: MoneyJournal;
  readonly account: Account;
  readonly key: Secret<string>;
  readonly limits: SendLimits;
  /** null for accounts that send by themselves. */
  readonly relayer: RelayerClient | null;
  readonly onProgress: (note: string) => void;
}

export interface Log {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

export interface Receipt {
  readonly hash: string;
  readonly ok: boolean;
  readonly block: number;
  readonly blockHash: string;
  readonly gasUsed: bigint;
  readonly gasPrice: bigint;
  readonly logs: readonly Log[];
}

function logsOf(raw: unknown): Log[] {
  if (!Array.isArray(raw)) return [];
  return raw.flatMap((log: unknown) => {
    if (!isObject(log)) return [];
    const { address, data, topics } = log;
    const fit = typeof address === "string" && typeof data === "string" && Array.isArray(topics);
    return fit ? [{ address: address.toLowerCase(), data, topics: topics.map(String) }] : [];
  });
}

function receiptOf(raw: unknown): Receipt | null {
  if (!isObject(raw)) return null;
  const { blockHash, effectiveGasPrice, gasUsed, logs, status, transactionHash } = raw;
  const block = quantity(raw["blockNumber"]);
  const word = quantity(status);
  if (block === null || word === null || typeof blockHash !== "string") return null;
  return {
    hash: String(transactionHash).toLowerCase(),
    ok: word === 1n,
    block: Number(block),
    blockHash,
    gasUsed: quantity(gasUsed) ?? 0n,
    gasPrice: quantity(effectiveGasPrice) ?? 0n,
    logs: logsOf(logs),
  };
}

/** A receipt of one of the hashes, from any host; null when no host has one. */
export async function findReceipt(
  desk: Pick<SendDesk, "rpc">,
  hashes: readonly string[],
): Promise<Receipt | null> {
  for (const hash of [...hashes].reverse()) {
    for (const { result } of await desk.rpc.askAll("eth_getTransactionReceipt", [hash])) {
      const receipt = receiptOf(result);
      if (receipt?.hash === hash.toLowerCase()) return receipt;
    }
  }
  return null;
}

/** True when the receipt's block lies deep enough and is the one that the chain has at its number. */
export async function isDeep(desk: Pick<SendDesk, "rpc" | "limits">, receipt: Receipt): Promise<boolean> {
  const head = quantity(await desk.rpc.ask("eth_blockNumber", []));
  if (head === null || Number(head) - receipt.block + 1 < desk.limits.confirmations) return false;
  const block = await desk.rpc.ask("eth_getBlockByNumber", [`0x${receipt.block.toString(16)}`, false]);
  return isObject(block) && block["hash"] === receipt.blockHash;
}

/** The newest block that some host tells of. */
export async function newestBlock(desk: Pick<SendDesk, "rpc">): Promise<number> {
  return Number(quantity(await desk.rpc.ask("eth_blockNumber", [])) ?? 0n);
}

/** Waits a little, longer with each round. Throws the signal's reason. */
export const pause = (desk: Pick<SendDesk, "clock" | "signal">, round: number): Promise<void> =>
  desk.clock.sleep(ms(Math.min(2_000, 500 + 250 * round)), desk.signal);

/** The command has waited long enough; what was signed stays under way. */
export function pending(op: Operation, why: string): OperationError {
  const { intent } = op;
  const hash = intent.kind === "eoa" ? intent.tries.at(-1)?.hash ?? null : null;
  return new OperationError({
    code: "TX_PENDING",
    message: `Cannot see the end of "${op.title}": ${why}`,
    hint: "Run the same command again: it goes on with this very transaction and signs no second one.",
    details: { step: op.name, hash, nonce: String(intent.nonce) },
    exit: 5,
  });
}

/** A failure of the network while waiting; anything else is thrown. */
export function passing(desk: Pick<SendDesk, "signal">, error: unknown): void {
  desk.signal.throwIfAborted();
  const codes = ["RPC_FAILED", "RPC_STALE", "NETWORK", "TIMEOUT", "HTTP_STATUS", "RATE_LIMITED", "BAD_JSON"];
  if (error instanceof OperationError && codes.includes(error.code)) return;
  throw error;
}

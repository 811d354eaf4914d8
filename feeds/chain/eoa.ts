/**
 * Transactions that the key sends itself. Signed and journalled before they are sent; sent again as they are until their fate
 * is known; replaced only at the same nonce and with the same call, so that one of them lands at most.
 */
import { getAddress, SigningKey, Transaction } from "ethers";
import { OperationError } from "../../core/errors.ts";
import { ms } from "../../core/units.ts";
import type { Call } from "./contracts.ts";
import { findReceipt, isDeep, passing, pause, pending, type Receipt, type SendDesk } from "./desk.ts";
import { bumped, currentFees, type Fees } from "./fees.ts";
import type { EoaIntent, Landing, Operation, Payment } from "./money_journal.ts";
import { findPayment, landingSeen } from "./proof.ts";
import { CHAIN_ID, NodeRefusal, quantity } from "./rpc.ts";
import { revertCode, revertText, sendRefusal } from "./words.ts";

export interface Wanted {
  readonly id: string;
  readonly run: string;
  readonly name: string;
  readonly title: string;
  readonly calls: readonly Call[];
  readonly payment: Payment | null;
}

/** How often a transaction without a receipt is sent again, venue ms. */
const RESEND_MS = 6_000;
/** Looks at which every host must say that the number is used, and none has our receipt. */
const USED_ROUNDS = 6;
/** Tries at sending that no host took. */
const REFUSED_ROUNDS = 4;
const ESTIMATES = 3;

export const landingOf = (receipt: Receipt): Landing => ({
  hash: receipt.hash,
  block: receipt.block,
  gasUsed: String(receipt.gasUsed),
  gasPrice: String(receipt.gasPrice),
});

/** Gas with a fifth on top. Throws what the call would revert with: RAMP_PAUSED, DESTINATION_REFUSES, TX_WOULD_REVERT. */
export async function estimateGas(desk: SendDesk, from: string, call: Call, title: string): Promise<bigint> {
  for (let attempt = 1;; attempt++) {
    try {
      const request = { from, to: call.to, data: call.data };
      const gas = quantity(await desk.rpc.ask("eth_estimateGas", [request]));
      if (gas !== null) return gas + gas / 5n;
      throw new NodeRefusal("no estimate", 0, null);
    } catch (error) {
      if (!(error instanceof NodeRefusal)) throw error;
      // A host that lags does not know yet what the step before has done.
      if (attempt < ESTIMATES) {
        await desk.clock.sleep(ms(2_000), desk.signal);
        continue;
      }
      if (sendRefusal(error.message) === "no-gas-money") throw noGasMoney(desk, error.message);
      const reason = revertText(error.data, error.message);
      throw new OperationError({
        code: revertCode(reason),
        message: `Cannot send "${title}": the chain would refuse it: ${reason}`,
        hint: "Nothing was sent for this step. See docs/cash.md for what each reason means.",
        details: { step: title, reason },
        exit: 5,
      });
    }
  }
}

function noGasMoney(desk: SendDesk, words: string): OperationError {
  return new OperationError({
    code: "GAS_INSUFFICIENT",
    message: `Cannot pay for gas: the key ${desk.account.key} has too little POL (${words.slice(0, 160)})`,
    hint: "Send some POL to the key's address, then run the same command again.",
    details: { key: desk.account.key },
    exit: 5,
  });
}

async function nonceOf(desk: SendDesk): Promise<number> {
  const { journal } = desk;
  const params = (tag: string) => [desk.account.key, tag];
  const [latest, waiting] = await Promise.all([
    desk.rpc.askAll("eth_getTransactionCount", params("latest")),
    desk.rpc.askAll("eth_getTransactionCount", params("pending")),
  ]);
  const largest = (answers: typeof latest): number =>
    answers.reduce((most, { result }) => Math.max(most, Number(quantity(result) ?? 0n)), 0);
  const own = [...journal.operations.values()].filter(({ intent }) => intent.kind === "eoa");
  const landed = own.filter(({ fate }) => fate === "landed" || fate === "reverted");
  const used = landed.reduce((most, { intent }) => Math.max(most, Number(intent.nonce) + 1), 0);
  if (latest.length === 0) throw pendingNonce();
  const least = Math.max(largest(latest), used);
  // A refused transaction's number is used again: then it can never land beside its successor.
  const free = own.filter(({ fate, intent }) => fate === "dormant" && Number(intent.nonce) >= least);
  if (free.length > 0) return Math.min(...free.map(({ intent }) => Number(intent.nonce)));
  return Math.max(least, largest(waiting));
}

const pendingNonce = () =>
  new OperationError({
    code: "RPC_FAILED",
    message: "Cannot learn the key's transaction count: no Polygon endpoint answers",
    hint: "Name working endpoints with chain.rpc. Nothing was signed.",
  });

function signTry(
  desk: SendDesk,
  intent: Omit<EoaIntent, "kind" | "tries">,
  fees: Fees,
): EoaIntent["tries"][number] {
  const tx = Transaction.from({
    type: 2,
    chainId: CHAIN_ID,
    nonce: intent.nonce,
    to: getAddress(intent.to),
    data: intent.data,
    value: 0n,
    gasLimit: BigInt(intent.gasLimit),
    maxFeePerGas: fees.maxFee,
    maxPriorityFeePerGas: fees.tip,
  });
  tx.signature = new SigningKey(desk.key.reveal()).sign(tx.unsignedHash);
  return {
    raw: tx.serialized,
    hash: String(tx.hash).toLowerCase(),
    maxFee: String(fees.maxFee),
    tip: String(fees.tip),
  };
}

/**
 * Signs one call and writes it to the journal; nothing is sent. Throws what the call would revert with, GAS_INSUFFICIENT,
 * GAS_PRICE_HIGH, RPC_*.
 */
export async function signEoa(desk: SendDesk, wanted: Wanted): Promise<Operation> {
  const [call] = wanted.calls;
  if (call === undefined || wanted.calls.length !== 1) throw new Error("a key sends one call at a time");
  const heads = await desk.rpc.heads();
  const fees = await currentFees(desk.rpc, heads, desk.limits);
  const gasLimit = await estimateGas(desk, desk.account.key, call, wanted.title);
  const nonce = await nonceOf(desk);
  const balance = quantity(await desk.rpc.ask("eth_getBalance", [desk.account.key, "latest"])) ?? 0n;
  const most = gasLimit * fees.maxFee;
  if (balance < most) throw noGasMoney(desk, `has ${balance} wei, may need ${most}`);
  const { calls: _, ...meta } = wanted;
  const plain = { nonce, to: call.to, data: call.data, gasLimit: String(gasLimit) };
  const intent: EoaIntent = { kind: "eoa", ...plain, tries: [signTry(desk, plain, fees)] };
  const fromBlock = heads[0]?.number ?? 0;
  desk.journal.append({ type: "signed", op: { ...meta, fromBlock, intent } });
  return desk.journal.operation(wanted.id);
}

type Sent = "taken" | "nonce-used" | "underpriced" | "no-gas-money" | "refused" | "unheard";

/** Gives the newest try to every host. */
async function broadcast(
  desk: SendDesk,
  intent: EoaIntent,
): Promise<{ readonly sent: Sent; readonly words: string }> {
  const newest = intent.tries.at(-1);
  if (newest === undefined) throw new Error("a signed operation has a try");
  const answers = await desk.rpc.askAll("eth_sendRawTransaction", [newest.raw]);
  if (answers.length === 0) return { sent: "unheard", words: "no endpoint answered" };
  const kinds = answers.map(({ refusal }) =>
    refusal === null ? "known" as const : sendRefusal(refusal.message)
  );
  const words = answers.map(({ refusal }) => refusal?.message ?? "").filter((text) => text !== "").join("; ");
  if (kinds.includes("known")) return { sent: "taken", words };
  for (const kind of ["nonce-used", "underpriced", "no-gas-money"] as const) {
    if (kinds.includes(kind)) return { sent: kind, words };
  }
  return { sent: "refused", words };
}

/** Signs a dearer try at the same nonce, if the cap allows it. */
async function replace(desk: SendDesk, op: Operation, intent: EoaIntent): Promise<boolean> {
  const last = intent.tries.at(-1);
  if (last === undefined) return false;
  const market = await currentFees(desk.rpc, await desk.rpc.heads(), desk.limits).catch((error: unknown) => {
    if (error instanceof OperationError && error.code === "GAS_PRICE_HIGH") return null;
    throw error;
  });
  const old = { maxFee: BigInt(last.maxFee), tip: BigInt(last.tip) };
  const fees = bumped(old, market ?? old, desk.limits);
  if (fees === null) {
    desk.onProgress(`${op.title}: waits; the cap on gas leaves no room for a higher fee`);
    return false;
  }
  const tries = [...intent.tries, signTry(desk, intent, fees)];
  desk.journal.append({ type: "intent", op: op.id, intent: { ...intent, tries } });
  desk.onProgress(`${op.title}: replaced by one that pays more`);
  return true;
}

/** Every host says that the number is used. */
async function numberUsed(desk: SendDesk, nonce: number): Promise<boolean> {
  const counts = await desk.rpc.askAll("eth_getTransactionCount", [desk.account.key, "latest"]);
  return counts.length > 0 && counts.every(({ result }) => (quantity(result) ?? 0n) > BigInt(nonce));
}

interface Watch {
  sentMs: number;
  triedMs: number;
  usedRounds: number;
  refusedRounds: number;
  /** Somebody has taken it, now or in an earlier run. */
  taken: boolean;
  words: string;
}

function giveFate(
  desk: SendDesk,
  id: string,
  fate: "landed" | "reverted" | "void" | "dormant",
  why: string,
  receipt: Receipt | null = null,
): Operation {
  desk.journal.append({
    type: "fate",
    op: id,
    fate,
    why,
    landing: receipt === null ? null : landingOf(receipt),
  });
  return desk.journal.operation(id);
}

async function send(desk: SendDesk, op: Operation, intent: EoaIntent, watch: Watch): Promise<void> {
  const now = desk.clock.now();
  if (now - watch.triedMs >= desk.limits.stuckAfterMs) {
    watch.triedMs = now;
    if (await replace(desk, op, intent)) {
      watch.sentMs = -Infinity;
      return await send(
        desk,
        desk.journal.operation(op.id),
        desk.journal.operation(op.id).intent as EoaIntent,
        watch,
      );
    }
  }
  if (now - watch.sentMs < RESEND_MS) return;
  watch.sentMs = now;
  const { sent, words } = await broadcast(desk, intent);
  if (words !== "") watch.words = words;
  if (sent === "taken" || sent === "unheard") {
    watch.taken = true;
    watch.refusedRounds = 0;
    return;
  }
  if (sent === "nonce-used") return;
  if (sent === "underpriced" && intent.tries.length < 12 && await replace(desk, op, intent)) {
    watch.sentMs = -Infinity;
    watch.triedMs = now;
    return;
  }
  watch.sentMs = now - RESEND_MS + 2_000;
  watch.refusedRounds++;
}

/** Refused by all, again and again: its number stays free for the next. */
function refused(desk: SendDesk, op: Operation, watch: Watch): OperationError {
  const { words } = watch;
  giveFate(desk, op.id, "dormant", `refused: ${words}`);
  if (sendRefusal(words) === "no-gas-money") return noGasMoney(desk, words);
  return new OperationError({
    code: "TX_REFUSED",
    message: `Cannot send "${op.title}": every endpoint refuses it: ${words.slice(0, 300)}`,
    hint:
      "Nothing has moved. Run the same command again, with another chain.rpc or a higher chain.maxFeeGwei.",
    details: { step: op.name },
    exit: 5,
  });
}

/** One look: a fate, or null while it is not known. */
async function look(
  desk: SendDesk,
  op: Operation,
  intent: EoaIntent,
  watch: Watch,
): Promise<Operation | null> {
  const receipt = await findReceipt(desk, intent.tries.map(({ hash }) => hash));
  if (receipt !== null) {
    watch.usedRounds = 0;
    watch.taken = true;
    if (!await isDeep(desk, receipt)) return null;
    return giveFate(desk, op.id, receipt.ok ? "landed" : "reverted", "", receipt);
  }
  watch.usedRounds = await numberUsed(desk, intent.nonce) ? watch.usedRounds + 1 : 0;
  if (watch.usedRounds >= USED_ROUNDS + desk.limits.confirmations) return await numberGone(desk, op);
  return null;
}

/** Its number is used, and no host has a receipt. A payment is looked for in the token's logs before it counts as void. */
async function numberGone(desk: SendDesk, op: Operation): Promise<Operation> {
  const seen = await findPayment(desk.rpc, desk.journal, desk.account.funder, op);
  if (seen !== null) {
    desk.journal.append({ type: "fate", op: op.id, fate: "landed", why: "", landing: landingSeen(seen) });
    return desk.journal.operation(op.id);
  }
  return giveFate(desk, op.id, "void", "its number was used by another transaction of the key");
}

/**
 * Sends what was signed, and again, until its fate is on the chain deep enough. Throws TX_PENDING (exit 5: it is still under
 * way), TX_REFUSED and GAS_INSUFFICIENT (exit 5: it is dormant), the signal's reason.
 */
export async function settleEoa(desk: SendDesk, id: string, resumed: boolean): Promise<Operation> {
  const startMs = desk.clock.now();
  const watch: Watch = {
    sentMs: -Infinity,
    triedMs: startMs,
    usedRounds: 0,
    refusedRounds: 0,
    taken: resumed,
    words: "",
  };
  let first = resumed;
  for (let round = 0;; round++) {
    const op = desk.journal.operation(id);
    const intent = op.intent as EoaIntent;
    try {
      // What a killed process had sent has mostly landed: that is looked at before it is sent again.
      if (!first) await send(desk, op, intent, watch);
      first = false;
      const now = desk.journal.operation(id);
      const settled = await look(desk, now, now.intent as EoaIntent, watch);
      if (settled !== null) return settled;
    } catch (error) {
      passing(desk, error);
      watch.words = error instanceof Error ? error.message : String(error);
    }
    if (watch.refusedRounds >= REFUSED_ROUNDS && watch.usedRounds === 0) {
      if (!watch.taken || sendRefusal(watch.words) === "no-gas-money") throw refused(desk, op, watch);
    }
    if (desk.clock.now() - startMs >= desk.limits.giveUpMs) {
      throw pending(
        op,
        `no receipt after ${Math.round(desk.limits.giveUpMs / 1_000)} s${
          watch.words === "" ? "" : ` (${watch.words.slice(0, 160)})`
        }`,
      );
    }
    if (round === 0 || round % 5 === 4) desk.onProgress(`${op.title}: waits for the chain`);
    await pause(desk, round);
  }
}

/** Looks at a refused one again: landed after all, void because its number is used, or (null) still dormant. */
export async function reviewEoa(desk: SendDesk, op: Operation): Promise<void> {
  const intent = op.intent as EoaIntent;
  for (let round = 0; round < USED_ROUNDS; round++) {
    const receipt = await findReceipt(desk, intent.tries.map(({ hash }) => hash));
    if (receipt !== null && await isDeep(desk, receipt)) {
      giveFate(desk, op.id, receipt.ok ? "landed" : "reverted", "", receipt);
      return;
    }
    if (receipt === null && !await numberUsed(desk, intent.nonce)) return;
    await pause(desk, round);
  }
  await numberGone(desk, op);
}

/**
 * Batches of wallets that act through the relayer. Signed and journalled before they are sent; sent again as they are until the
 * wallet's own counter says that they have landed, or cannot any more. The relayer's word alone decides nothing.
 */
import { id as topicOf } from "ethers";
import { OperationError } from "../../core/errors.ts";
import { type Call, hubNonceCall, PUSD, RELAY_HUB, walletNonceCall } from "./contracts.ts";
import {
  findReceipt,
  isDeep,
  newestBlock,
  passing,
  pause,
  pending,
  type Receipt,
  type SendDesk,
} from "./desk.ts";
import { landingOf, type Wanted } from "./eoa.ts";
import type { Fate, Landing, Operation, RelayIntent } from "./money_journal.ts";
import { findBatch, findPayment, landingSeen, transferTopics } from "./proof.ts";
import { readAgreed, readBatch, type Snapshot } from "./reads.ts";
import {
  type RelayAction,
  type RelayerClient,
  type RelayParams,
  type RelayType,
  relayTypeOf,
  signRelay,
} from "./relayer.ts";
import { NodeRefusal } from "./rpc.ts";
import { relayRefusal } from "./words.ts";

/** As the venue's own client. */
const DEADLINE_S = 600;
/** Added to a deadline before it counts as past: block times and clocks differ. */
const DEADLINE_MARGIN_S = 60;
/** Looks for a payment's log after its number is used, before it counts as not made. */
const LOG_ROUNDS = 8;
/** Submits of one signed batch after the relayer said FAILED or INVALID. */
const MAX_ACTIONS = 2;
const RELAYED = topicOf("TransactionRelayed(address,address,address,bytes4,uint8,uint256)");

const clientOf = (desk: SendDesk): RelayerClient => {
  if (desk.relayer === null) throw new Error("this account has a relayer");
  return desk.relayer;
};

/** The wallet's counter on the chain and the time of the block. */
async function counterOf(
  desk: SendDesk,
  read: (calls: readonly Call[]) => Promise<Snapshot> = (calls) => readBatch(desk.rpc, calls),
): Promise<{ readonly nonce: bigint; readonly timestampS: number }> {
  const { account } = desk;
  const call = relayTypeOf(account) === "PROXY" ? hubNonceCall(account.key) : walletNonceCall(account.funder);
  const { timestampS, values } = await read([call]);
  // A wallet that is not deployed has made no batch.
  return { nonce: values[0] ?? 0n, timestampS };
}

/**
 * The counter as all endpoints agree on it (throws RPC_DISAGREE where they do not): asked before a batch counts as one that cannot land any
 * more, for then another may be signed.
 */
async function agreedCounter(desk: SendDesk): ReturnType<typeof counterOf> {
  return await counterOf(
    desk,
    (calls) => readAgreed(desk.rpc, calls, { minBlock: 0, wait: () => pause(desk, 0) }),
  );
}

/** Reads of the relayer's parameters before it counts as out of order. */
const PARAMS_ROUNDS = 6;

/** Nothing is signed yet: a relayer that errs for a moment is asked again. */
async function paramsOf(desk: SendDesk, type: RelayType): Promise<RelayParams> {
  for (let round = 1;; round++) {
    try {
      return await clientOf(desk).params(desk.account.key, type);
    } catch (error) {
      passing(desk, error);
      if (round >= PARAMS_ROUNDS) throw error;
      desk.onProgress("the relayer gives no parameters; asks again");
      await pause(desk, round);
    }
  }
}

/** Signs a batch and writes it to the journal; nothing is sent. Throws RPC_*, HttpError. */
export async function signRelayed(desk: SendDesk, wanted: Wanted): Promise<Operation> {
  const { account, journal } = desk;
  const type = relayTypeOf(account);
  if (type === null) throw new Error("a plain key has no relayer");
  const [params, counter, fromBlock] = await Promise.all([
    paramsOf(desk, type),
    counterOf(desk),
    newestBlock(desk),
  ]);
  const own = [...journal.operations.values()].filter(({ intent }) => intent.kind === "relay");
  // The counter is what the contract compares; hosts may lag behind what we know to have landed.
  const used = own.filter(({ fate }) => fate === "landed").reduce((most, { intent }) => {
    const next = BigInt(intent.nonce) + 1n;
    return next > most ? next : most;
  }, 0n);
  const least = counter.nonce > used ? counter.nonce : used;
  const dormant = own.some(({ fate, intent }) => fate === "dormant" && BigInt(intent.nonce) >= least);
  const nonce = !dormant && params.nonce > least ? params.nonce : least;
  const deadlineS = Math.floor(desk.clock.now() / 1_000) + DEADLINE_S;
  const { body } = signRelay({
    account,
    key: desk.key,
    nonce,
    calls: wanted.calls,
    deadlineS,
    relay: params.address,
  });
  const { calls: _, ...meta } = wanted;
  const intent: RelayIntent = {
    kind: "relay",
    type,
    nonce: String(nonce),
    deadlineS: type === "WALLET" ? deadlineS : null,
    body: JSON.stringify(body),
    ids: [],
  };
  journal.append({ type: "signed", op: { ...meta, fromBlock, intent } });
  return journal.operation(wanted.id);
}

function giveFate(
  desk: SendDesk,
  id: string,
  fate: Fate,
  why: string,
  landing: Landing | null = null,
): Operation {
  desk.journal.append({ type: "fate", op: id, fate, why, landing });
  return desk.journal.operation(id);
}

interface Watch {
  nextSubmitMs: number;
  usedRounds: number;
  /** It may lie at the relayer without our knowing its id. */
  unheard: boolean;
  /** Definite refusals since somebody took it. */
  refusals: number;
  words: string;
  action: RelayAction | null;
  ended: number;
}

/** A proxy wallet's call that failed inside of a transaction that did not. */
function failedInside(receipt: Receipt): boolean {
  const log = receipt.logs.findLast(({ address, topics }) =>
    address === RELAY_HUB.toLowerCase() && topics[0] === RELAYED
  );
  return log !== undefined && BigInt(`0x${log.data.slice(66, 130)}`) !== 0n;
}

/** The receipt has the payment's transfer: the relayer named the right transaction. A failed call inside has none. */
function pays(desk: SendDesk, { payment }: Operation, receipt: Receipt): boolean {
  if (payment === null || failedInside(receipt)) return true;
  const [topic, from] = transferTopics(desk.account.funder, null);
  return receipt.logs.some(({ address, data, topics }) =>
    address === PUSD.toLowerCase() && topics[0] === topic && topics[1] === from &&
    BigInt(data) === BigInt(payment.amount)
  );
}

function relayError(code: string, op: Operation, text: string, hint: string): OperationError {
  return new OperationError({
    code,
    message: `Cannot have the relayer do "${op.title}": ${text}`,
    hint,
    details: { step: op.name },
    exit: 5,
  });
}

/** The relayer will not have it: the number stays free for what is signed next. */
function refuse(desk: SendDesk, op: Operation, text: string, status: number): OperationError {
  giveFate(desk, op.id, "dormant", text);
  if (status === 401 || status === 403) {
    return relayError(
      "RELAYER_AUTH",
      op,
      `it answers ${status}`,
      "Set POLY_RELAYER_KEY and POLY_RELAYER_ADDRESS (Settings, API Keys, Relayer API Keys on the venue's page).",
    );
  }
  if (relayRefusal(text).kind === "blocked") {
    return relayError("RELAYER_BLOCKED", op, text, "Its policy refuses this target. Nothing has moved.");
  }
  return relayError("RELAYER_REFUSED", op, text, "Nothing has moved. Run the same command again later.");
}

/** Submits the signed body, and reads what the answer means. */
async function submit(desk: SendDesk, op: Operation, intent: RelayIntent, watch: Watch): Promise<void> {
  const answer = await clientOf(desk).submit(intent.body);
  const now = desk.clock.now();
  watch.nextSubmitMs = now + 2_000;
  switch (answer.kind) {
    case "taken":
      watch.refusals = 0;
      watch.action = null;
      desk.journal.append({
        type: "intent",
        op: op.id,
        intent: { ...intent, ids: [...intent.ids, answer.id] },
      });
      return;
    case "limited":
      watch.words = "the relayer takes 25 submits a minute";
      watch.nextSubmitMs = now + Math.max(1_000, answer.waitMs);
      desk.onProgress(`${op.title}: waits for the relayer's quota`);
      return;
    case "unheard":
      watch.unheard = true;
      watch.words = answer.text;
      return;
    case "refused":
      break;
  }
  watch.words = answer.text;
  const refusal = relayRefusal(answer.text);
  if (answer.status === 400 && refusal.kind === "busy") {
    desk.onProgress(`${op.title}: waits, the wallet has another action`);
    return;
  }
  // X < Y: it has landed, or something else has; the counter on the chain tells. X > Y: the relayer's host lags.
  if (answer.status === 400 && (refusal.kind === "nonce" || refusal.kind === "expired")) return;
  if (++watch.refusals >= 2 && !watch.unheard) throw refuse(desk, op, answer.text, answer.status);
}

/** Its number is used: by it, or by something else. Null while that is not certain. */
async function numberUsed(desk: SendDesk, op: Operation, watch: Watch): Promise<Operation | null> {
  const hash = watch.action?.hash ?? null;
  const receipt = hash === null ? null : await findReceipt(desk, [hash]);
  if (receipt !== null && (!receipt.ok || op.payment === null || pays(desk, op, receipt))) {
    if (!await isDeep(desk, receipt)) return null;
    const failed = !receipt.ok || failedInside(receipt);
    const state = watch.action?.state;
    if (!failed && state !== "CONFIRMED" && state !== "FAILED" && watch.usedRounds < LOG_ROUNDS) return null;
    return giveFate(desk, op.id, failed ? "reverted" : "landed", "", landingOf(receipt));
  }
  if (watch.usedRounds < LOG_ROUNDS) return null;
  const seen = await findPayment(desk.rpc, desk.journal, desk.account.funder, op);
  if (seen !== null) return giveFate(desk, op.id, "landed", "", landingSeen(seen));
  const carrier = await findBatch(desk.rpc, desk.account.funder, op).catch((error: unknown) => {
    // An endpoint that will not search its logs: then only the state of the wallet tells what was done.
    if (error instanceof NodeRefusal) return null;
    throw error;
  });
  const carried = carrier === null ? null : await findReceipt(desk, [carrier]);
  if (carried !== null) {
    if (!await isDeep(desk, carried)) return null;
    const failed = !carried.ok || failedInside(carried);
    return giveFate(desk, op.id, failed ? "reverted" : "landed", "", landingOf(carried));
  }
  const { nonce } = await agreedCounter(desk);
  if (nonce <= BigInt(op.intent.nonce)) return null;
  return giveFate(desk, op.id, "void", "its number is used; what it did is read from the chain");
}

/** One look at the chain and the relayer. */
async function look(
  desk: SendDesk,
  op: Operation,
  intent: RelayIntent,
  watch: Watch,
): Promise<Operation | null> {
  const last = intent.ids.at(-1);
  if (last !== undefined) watch.action = await clientOf(desk).read(last);
  const { nonce, timestampS } = await counterOf(desk);
  if (nonce > BigInt(intent.nonce)) {
    watch.usedRounds++;
    return await numberUsed(desk, op, watch);
  }
  watch.usedRounds = 0;
  const isLate = (seconds: number) =>
    intent.deadlineS !== null && seconds > intent.deadlineS + DEADLINE_MARGIN_S;
  if (isLate(timestampS)) {
    const agreed = await agreedCounter(desk);
    if (agreed.nonce > BigInt(intent.nonce) || !isLate(agreed.timestampS)) return null;
    return giveFate(desk, op.id, "void", "its deadline has passed and the wallet's counter has not moved");
  }
  const state = watch.action?.state;
  if ((state === "FAILED" || state === "INVALID") && intent.ids.length > watch.ended) {
    watch.ended = intent.ids.length;
    watch.words = watch.action?.error ?? "";
    if (intent.ids.length >= MAX_ACTIONS) {
      giveFate(desk, op.id, "dormant", `${state}: ${watch.words}`);
      const text = `it ended as ${state}: ${watch.words}`;
      throw relayError("RELAYER_FAILED", op, text, "Nothing has moved. Run the same command again.");
    }
  }
  return null;
}

/** True when the newest action is over (or there is none), so that the body may be submitted again. */
const wantsSubmit = (intent: RelayIntent, watch: Watch): boolean =>
  intent.ids.length === 0 || intent.ids.length <= watch.ended;

/**
 * Sends a signed batch, and the same again, until its fate is on the chain. Throws TX_PENDING (exit 5: under way), RELAYER_*
 * (exit 5: dormant), the signal's reason.
 */
export async function settleRelayed(desk: SendDesk, id: string): Promise<Operation> {
  const startMs = desk.clock.now();
  const watch: Watch = {
    nextSubmitMs: -Infinity,
    usedRounds: 0,
    unheard: false,
    refusals: 0,
    words: "",
    action: null,
    ended: 0,
  };
  for (let round = 0;; round++) {
    try {
      const settled = await look(desk, desk.journal.operation(id), intentOf(desk, id), watch);
      if (settled !== null) return settled;
      const intent = intentOf(desk, id);
      if (watch.usedRounds === 0 && wantsSubmit(intent, watch) && desk.clock.now() >= watch.nextSubmitMs) {
        await submit(desk, desk.journal.operation(id), intent, watch);
      }
    } catch (error) {
      passing(desk, error);
      watch.words = error instanceof Error ? error.message : String(error);
    }
    const op = desk.journal.operation(id);
    if (desk.clock.now() - startMs >= desk.limits.giveUpMs) throw gaveUp(desk, op, watch);
    if (round === 0 || round % 5 === 4) desk.onProgress(`${op.title}: waits for the relayer`);
    await pause(desk, round);
  }
}

const intentOf = (desk: SendDesk, id: string): RelayIntent =>
  desk.journal.operation(id).intent as RelayIntent;

function gaveUp(desk: SendDesk, op: Operation, watch: Watch): OperationError {
  const intent = op.intent as RelayIntent;
  if (intent.ids.length === 0 && !watch.unheard && watch.usedRounds === 0) {
    giveFate(desk, op.id, "dormant", watch.words);
    return relayError(
      "RELAYER_BUSY",
      op,
      watch.words,
      "Nothing has moved. Run the same command again later.",
    );
  }
  const state = watch.action === null ? "no state" : watch.action.state;
  return pending(
    op,
    `the relayer says ${state}${watch.words === "" ? "" : ` (${watch.words.slice(0, 160)})`}`,
  );
}

/** Looks at a refused one again: void or landed when its number is used meanwhile, else still dormant. */
export async function reviewRelayed(desk: SendDesk, op: Operation): Promise<void> {
  const intent = op.intent as RelayIntent;
  const watch: Watch = {
    nextSubmitMs: Infinity,
    usedRounds: 0,
    unheard: false,
    refusals: 0,
    words: "",
    action: null,
    ended: Infinity,
  };
  for (let round = 0; round <= LOG_ROUNDS * 2; round++) {
    if (await look(desk, op, intent, watch) !== null || watch.usedRounds === 0) return;
    await pause(desk, round);
  }
}

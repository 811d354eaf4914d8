/**
 * From an intent to bytes on the wire, in one synchronous turn: sign, row on disk, request started, row that it left. A
 * refusal of ours leaves nothing behind but its code.
 */
import { OperationError } from "../../core/errors.ts";
import type { SubmitIntent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import { classifySubmit } from "../../core/orders/lifecycle_reply.ts";
import type { OrderTerms } from "../../core/orders/lifecycle_types.ts";
import { isValidPrice } from "../../core/market/rounding.ts";
import { buyCost } from "../../core/orders/order.ts";
import type { Ms } from "../../core/units.ts";
import type { CallStamps, PreparedOrder, SubmitCall } from "../polymarket/order_entry/types.ts";
import { orderBody } from "../polymarket/signing/body.ts";
import { exchangeOf } from "../polymarket/signing/contracts.ts";
import { Ladder } from "../polymarket/signing/ladder.ts";
import {
  buildOrder,
  type OrderTerms as SigningTerms,
  type SignedOrder,
} from "../polymarket/signing/order.ts";
import type { Desk } from "./desk.ts";
import type { GatewayOptions, LadderTerms, OrderLatency } from "./types.ts";

/** The venue ends a GTD order this long before its signed expiration. */
const GTD_MARGIN_S = 60;

export interface Refused {
  readonly code: string;
  readonly message: string;
}

interface Prepared {
  readonly signed: SignedOrder;
  readonly terms: OrderTerms;
  readonly body: string;
  readonly presigned: boolean;
  /** Its bytes, where order entry makes them ahead: after the sync only the write is left. */
  readonly request: PreparedOrder | undefined;
  readonly isLate: () => boolean;
}

interface Draft {
  readonly intent: SubmitIntent;
  readonly prepared: Prepared;
  readonly takenAt: Ms;
  readonly takenUs: number;
  readonly signedUs: number;
}

/** What sending needs of a gateway. */
export interface SenderDesk extends Pick<Desk, "keeper" | "markets"> {
  readonly options:
    & Pick<GatewayOptions, "apiKey" | "log" | "onLatency" | "salt" | "signer">
    & { readonly clock: Pick<GatewayOptions["clock"], "monotonicUs" | "now"> }
    & { readonly chainId?: NonNullable<GatewayOptions["chainId"]> }
    & { readonly entry: Pick<GatewayOptions["entry"], "prepare" | "submit"> };
  readonly asker: Pick<Desk["asker"], "askOrderNow">;
}

export interface SenderHooks {
  readonly onBug: (error: unknown) => void;
  /** The venue took an order that left at `since`: the user socket should speak of it. */
  readonly onTaken: (hash: string, since: Ms) => void;
}

export class Sender {
  submitted = 0;
  acknowledged = 0;
  presigned = 0;
  /** Replies that are awaited. */
  awaited = 0;
  private readonly ladder: Ladder;

  constructor(private readonly desk: SenderDesk, private readonly hooks: SenderHooks) {
    const { clock, salt, signer } = desk.options;
    this.ladder = new Ladder({ signer, salt, now: () => clock.now() });
  }

  /** Sends it, or says why not. After null its order's life goes on by itself. */
  send(intent: SubmitIntent): Refused | null {
    return this.sendAll([intent])[0]!;
  }

  /**
   * Sends several at once: all are signed, all rows are written with one sync, then all leave. One answer each, as `send()`
   * gives it.
   */
  sendAll(intents: readonly SubmitIntent[]): readonly (Refused | null)[] {
    const { keeper } = this.desk;
    let before = 0;
    const drafts = intents.map((intent) => {
      const draft = this.draft(intent, before);
      if ("prepared" in draft) before++;
      return draft;
    });
    const ready = drafts.filter((draft) => "prepared" in draft);
    const created = ready.map(({ prepared, takenAt: at }) => ({
      type: "created" as const,
      at,
      terms: prepared.terms,
    }));
    const { translator } = keeper;
    // Before the sync, so that after it nothing but the write is left.
    for (const { intent, prepared } of ready) translator.adoptOrder(intent.orderId, prepared.signed.hash);
    try {
      if (created.length === 1) keeper.create(created[0]!);
      else if (created.length > 1) keeper.createAll(created);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      for (const { intent, prepared } of ready) translator.disownOrder(intent.orderId, prepared.signed.hash);
      const broken = { code: "JOURNAL_BROKEN", message: error.message };
      return drafts.map((draft) => "prepared" in draft ? broken : draft);
    }
    const journalledUs = this.desk.options.clock.monotonicUs();
    // All bytes leave before anything is noted of the first.
    const calls = ready.map((draft) => this.release(draft));
    for (const [i, draft] of ready.entries()) this.follow(draft, calls[i]!, journalledUs);
    return drafts.map((draft) => "prepared" in draft ? null : draft);
  }

  /** Signed and ready to be written down, or why not. `before`: drafts made before it in this turn. */
  private draft(intent: SubmitIntent, before: number): Draft | Refused {
    const { clock } = this.desk.options;
    const takenUs = clock.monotonicUs();
    const takenAt = clock.now();
    if (takenAt - intent.bornAt > intent.maxAge) {
      return { code: "INTENT_EXPIRED", message: `intent is ${takenAt - intent.bornAt} ms old` };
    }
    try {
      const prepared = this.prepareOrder(intent, takenAt, before);
      if ("code" in prepared) return prepared;
      return { intent, prepared, takenUs, takenAt, signedUs: clock.monotonicUs() };
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      return { code: error.code, message: error.message };
    }
  }

  /** Its row is on disk: now it may leave. A code when it does not. */
  private release({ intent, prepared }: Draft): SubmitCall | string {
    const { options } = this.desk;
    // The disk may have taken long: a signal is judged where the bytes leave, not only where it came in.
    if (this.isLate(intent)) return "SIGNAL_STALE_AT_WIRE";
    const { body, isLate, request } = prepared;
    return options.entry.submit(body, { postOnly: intent.postOnly, isLate, prepared: request });
  }

  private isLate({ bornAt, maxAge }: SubmitIntent): boolean {
    return this.desk.options.clock.now() - bornAt > maxAge;
  }

  /** Notes what became of it, and waits for its answer. */
  private follow(draft: Draft, call: SubmitCall | string, journalledUs: number): void {
    const { options: { clock }, keeper } = this.desk;
    const { intent, prepared, signedUs, takenAt, takenUs } = draft;
    const { hash } = prepared.signed;
    if (typeof call === "string" || !call.sent) {
      const code = typeof call === "string" ? call : call.code;
      return keeper.take({ type: "dropped", at: clock.now(), hash, code });
    }
    this.submitted++;
    if (prepared.presigned) this.presigned++;
    keeper.take({ type: "sent", at: clock.now(), hash });
    const { orderId, bornAt, orderType: type } = intent;
    const early = { orderId, hash, type, bornAt, takenAt, takenUs, signedUs, journalledUs };
    void this.await(call.reply, prepared, { ...early, presigned: prepared.presigned });
  }

  /**
   * Signs orders ahead, those that are not signed yet, `most` of them at a time; returns how many it signed. What could not be
   * sent now (market or fee not known, price off the tick) is passed over.
   */
  prepare(wanted: readonly LadderTerms[], most: number): number {
    const { options, markets } = this.desk;
    let signed = 0;
    for (const { conditionId, token, side, orderType, limit, size, spend } of wanted) {
      if (signed >= most) break;
      const instrument = markets.get(conditionId);
      if (instrument === undefined || instrument.fee === null || instrument.version === "unknown") continue;
      // Wished for before the tick changed.
      if (!isValidPrice(limit, instrument.tick)) continue;
      const terms: SigningTerms = { token, side, orderType, limit, size, spend };
      if (this.ladder.sign(terms, instrument.tick, exchangeOf(instrument, options.chainId))) signed++;
    }
    return signed;
  }

  /** The tick changed: nothing signed for this token can be sent any more. */
  dropLadder(token: string): void {
    this.ladder.drop(token);
  }

  private prepareOrder(intent: SubmitIntent, at: Ms, before: number): Prepared | Refused {
    const { options } = this.desk;
    const instrument = this.marketOf(intent);
    const { token, outcome, side, orderType, postOnly, limit, size, spend, conditionId, orderId } = intent;
    const wanted: SigningTerms = { token, side, orderType, limit, size, spend };
    const domain = exchangeOf(instrument, options.chainId);
    const ready = this.ladder.take(wanted, instrument.tick, domain);
    const signed = ready ?? options.signer.sign(
      buildOrder(wanted, instrument.tick, options.signer.account, { salt: options.salt(), timestampMs: at }),
      domain,
    );
    const expirationS = orderType === "GTD" && intent.expireAt !== undefined
      ? Math.ceil(intent.expireAt / 1_000) + GTD_MARGIN_S
      : undefined;
    const body = orderBody(signed, {
      owner: options.apiKey.reveal(),
      orderType,
      postOnly,
      ...(expirationS === undefined ? {} : { expirationS }),
    });
    const fee = instrument.fee!;
    const expiresAtMs = (expirationS === undefined ? null : (expirationS - GTD_MARGIN_S) * 1_000) as
      | Ms
      | null;
    const terms: OrderTerms = {
      hash: signed.hash,
      orderId,
      conditionId,
      token,
      outcome,
      side,
      orderType,
      postOnly,
      limit,
      size,
      spend,
      expiresAtMs,
      fee,
      costBound: buyCost(intent, fee),
    };
    const isLate = () => this.isLate(intent);
    const request = options.entry.prepare?.(body, { postOnly, before, isLate });
    if (request !== undefined && "code" in request) return request;
    return { signed, terms, body, presigned: ready !== null, request, isLate };
  }

  private marketOf({ conditionId, token }: SubmitIntent): Instrument {
    const instrument = this.desk.markets.get(conditionId);
    const code = instrument === undefined || token !== instrument.upToken && token !== instrument.downToken
      ? "MARKET_UNKNOWN"
      : instrument.fee === null
      ? "FEE_UNKNOWN"
      : null;
    if (code === null) return instrument!;
    throw new OperationError({
      code,
      message: `Cannot make an order for market ${conditionId}: its listing or fee is not known`,
    });
  }

  private async await(
    reply: Extract<SubmitCall, { sent: true }>["reply"],
    { signed: { hash }, terms }: Prepared,
    early: Omit<OrderLatency, "writtenUs" | "ackUs">,
  ): Promise<void> {
    const { keeper, asker, options } = this.desk;
    this.awaited++;
    let answer: Awaited<typeof reply> | null = null;
    try {
      answer = await reply;
    } catch (error) {
      options.log.warn("a submit's reply failed", { hash, error: String(error) });
    }
    this.awaited--;
    try {
      if (answer !== null && answer.reply !== null) this.acknowledged++;
      const outcome = classifySubmit(answer?.reply ?? null, hash, terms.side);
      keeper.take({ type: "submitReply", at: options.clock.now(), hash, outcome });
      if (outcome.kind === "accepted") this.hooks.onTaken(hash, early.takenAt);
      const order = keeper.wallet.life.orders.get(hash);
      // Matched, and the reply does not say how much: only the venue's own record tells.
      if (outcome.kind === "accepted" && outcome.matched === null && order && isEnded(order.state)) {
        asker.askOrderNow(hash);
      }
      this.tellLatency(early, answer?.stamps ?? null);
    } catch (error) {
      this.hooks.onBug(error);
    }
  }

  private tellLatency(early: Omit<OrderLatency, "writtenUs" | "ackUs">, stamps: CallStamps | null): void {
    this.desk.options.onLatency?.({
      ...early,
      writtenUs: stamps?.writtenUs ?? null,
      ackUs: stamps?.doneUs ?? null,
    });
  }
}

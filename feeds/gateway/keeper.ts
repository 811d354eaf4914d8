/**
 * What the gateway knows, behind one door: an input is journalled, applied to orders and ledgers, translated for the
 * engine, and what must be done is handed on. When the journal fails the state goes on in memory, so that open orders can
 * still be cancelled and fills be counted; nothing new is sent any more.
 */
import { OperationError } from "../../core/errors.ts";
import type { Outcome } from "../../core/market/instrument.ts";
import type { Entry } from "../../core/orders/ledger.ts";
import { knowsOrder, tradeStateOf } from "../../core/orders/lifecycle_past.ts";
import type { Fill, LifeAction, LifeInput, TradeReport } from "../../core/orders/lifecycle_types.ts";
import type { Ms, Usdc } from "../../core/units.ts";
import type { Journal } from "../journal/journal.ts";
import type { LedgerInput } from "../journal/row_codec.ts";
import type { RowKind } from "../journal/rows.ts";
import { applyLedger, applyLife, type JournalledState, type WalletState } from "../journal/state.ts";
import type { ListedOrder } from "../polymarket/order_entry/types.ts";
import { Translator } from "./translator.ts";
import type { ForeignPosition } from "./types.ts";

/** Foreign ids that are remembered, so that each is told once. */
const MAX_FOREIGN = 10_000;

export interface KeeperHooks {
  readonly now: () => Ms;
  readonly onActions: (actions: readonly LifeAction[]) => void;
  readonly onAlarm: (code: string, detail: string) => void;
  /** A fill was confirmed: calls back once what it brought can be relied on. */
  readonly beforeFinal: (fill: Fill, tell: () => void) => void;
  /** The translator has events that were not there before. */
  readonly onNews: () => void;
  /** An event of an order, or a trade, that is not ours. */
  readonly onForeign?: (input: LifeInput) => void;
  /** The journal took its last row. */
  readonly onBroken: (error: OperationError) => void;
}

export class Keeper {
  readonly wallet: WalletState;
  readonly translator: Translator;
  /** Why the journal takes no more rows. */
  broken: OperationError | null = null;
  inputs = 0;
  /** Inputs other than time passing. */
  inputsOfVenue = 0;
  private readonly foreign = new Set<string>();
  private closed = false;

  constructor(
    private readonly journal: Journal,
    private readonly journalled: JournalledState,
    private readonly hooks: KeeperHooks,
  ) {
    this.wallet = journalled.state;
    this.translator = new Translator(
      this.wallet,
      (detail) => hooks.onAlarm("POSITION_MISMATCH", detail),
      (fill, tell) =>
        hooks.beforeFinal(fill, () => {
          tell();
          hooks.onNews();
        }),
    );
  }

  /** An input from wherever; foreign orders and trades are told once and kept out of the journal. */
  take(input: LifeInput): void {
    if (this.closed || this.isForeign(input)) return;
    this.inputs++;
    if (input.type !== "clock") this.inputsOfVenue++;
    const actions = this.write(() => this.journalled.life(input), () => applyLife(this.wallet, input));
    this.translator.after(input, actions);
    for (const action of actions) if (action.type === "alarm") this.hooks.onAlarm(action.code, action.detail);
    this.hooks.onActions(actions);
    if (this.translator.hasNews) this.hooks.onNews();
  }

  /** As `take()`, for an order that is about to be sent: without its row nothing may leave. Throws what the journal throws. */
  create(input: Extract<LifeInput, { type: "created" }>): void {
    if (this.broken !== null) throw this.broken;
    this.inputs++;
    this.inputsOfVenue++;
    try {
      this.journalled.life(input);
    } catch (error) {
      this.noteBroken(error);
      throw error;
    }
  }

  /** As `create()` for several orders at once: one write, so that they wait for one sync. All of them or none. */
  createAll(inputs: readonly Extract<LifeInput, { type: "created" }>[]): void {
    if (this.broken !== null) throw this.broken;
    this.inputs += inputs.length;
    this.inputsOfVenue += inputs.length;
    try {
      this.journal.appendTogether(() => {
        for (const input of inputs) this.journalled.life(input);
      });
    } catch (error) {
      this.noteBroken(error);
      throw error;
    }
  }

  ledger(input: LedgerInput): boolean {
    const at = this.hooks.now();
    return this.write(() => this.journalled.ledger(input, at), () => applyLedger(this.wallet, input));
  }

  post(entry: Entry): boolean {
    return this.ledger({ type: "post", entry, stage: "final" });
  }

  /** The venue named a winner; noted once, and only for windows that the ledgers know. */
  resolved(conditionId: string, winner: Outcome): void {
    const { winners, provisional } = this.wallet.ledgers;
    const known = winners.get(conditionId);
    if (known === winner) return;
    if (known !== undefined) {
      return this.hooks.onAlarm(
        "WINNER_CONTRADICTED",
        `${conditionId} was won by ${known}, now by ${winner}`,
      );
    }
    for (const sums of provisional.tokens.values()) {
      if (sums.conditionId !== conditionId) continue;
      this.ledger({ type: "resolved", conditionId, winner });
      return;
    }
  }

  /** A row for people: `note` or `latch`. Does nothing when the journal is broken. */
  note(kind: Extract<RowKind, "note" | "latch">, body: Readonly<Record<string, unknown>>): void {
    this.write(() => void this.journal.append(kind, body, this.hooks.now()), () => {});
  }

  /** The journal is about to be closed: answers that come later change nothing. */
  close(): void {
    this.closed = true;
  }

  /** A trade from a listing; those that say nothing new cost no row. */
  takeListed(trade: TradeReport): void {
    if (tradeStateOf(this.wallet.life, trade.id) === trade.state) return;
    this.take({ type: "trade", at: this.hooks.now(), trade });
  }

  tellRedeemed(payout: Usdc): void {
    this.translator.redeem(payout, this.hooks.now());
    if (this.translator.hasNews) this.hooks.onNews();
  }

  /** Tells the engine of cash that no order explains. */
  tellTransfer(cash: Usdc, reason: string): void {
    this.translator.transfer(cash, this.hooks.now(), reason);
    if (this.translator.hasNews) this.hooks.onNews();
  }

  /** Shares of others that came or, negative, went: they count to limits. */
  tellForeignShares(position: ForeignPosition): void {
    this.translator.foreignShares(position, this.hooks.now());
    if (this.translator.hasNews) this.hooks.onNews();
  }

  /** Open orders of others, as listed now: they count to limits. */
  setForeignOrders(orders: readonly ListedOrder[]): void {
    this.translator.setForeignOrders(orders, this.hooks.now());
    if (this.translator.hasNews) this.hooks.onNews();
  }

  isOurTrade({ takerHash, makers }: TradeReport): boolean {
    const { life } = this.wallet;
    return knowsOrder(life, takerHash) || makers.some(({ hash }) => knowsOrder(life, hash));
  }

  forget(): void {
    this.translator.forget();
  }

  /** Told foreign before; a new id alarms, once. */
  noteForeign(id: string): boolean {
    if (this.foreign.has(id)) return true;
    this.foreign.add(id);
    if (this.foreign.size > MAX_FOREIGN) this.foreign.delete(this.foreign.values().next().value!);
    return false;
  }

  private isForeign(input: LifeInput): boolean {
    if (input.type === "trade") {
      const known = tradeStateOf(this.wallet.life, input.trade.id) !== undefined;
      if (known || this.isOurTrade(input.trade)) return false;
      if (!this.noteForeign(input.trade.id)) {
        this.hooks.onAlarm("FOREIGN_TRADE", `${input.trade.id} is of no order in the journal`);
      }
      this.hooks.onForeign?.(input);
      return true;
    }
    if (!("hash" in input) || knowsOrder(this.wallet.life, input.hash)) return false;
    if (input.type === "orderEvent") {
      if (!this.noteForeign(input.hash)) {
        this.hooks.onAlarm("FOREIGN_ORDER", `event for order ${input.hash}`);
      }
      this.hooks.onForeign?.(input);
    }
    return true;
  }

  private write<T>(journalled: () => T, inMemory: () => T): T {
    if (this.broken !== null || this.closed) return inMemory();
    try {
      return journalled();
    } catch (error) {
      this.noteBroken(error);
      return inMemory();
    }
  }

  /** Rethrows what is no fault of the journal. */
  private noteBroken(error: unknown): void {
    if (!(error instanceof OperationError)) throw error;
    if (this.broken !== null) return;
    this.broken = error;
    this.hooks.onBroken(error);
  }
}

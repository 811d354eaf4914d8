/** Fills that are not money yet, and what becomes of them. */
import type { FillEvent, FillStageEvent } from "../events.ts";
import type { Account } from "./account.ts";
import type { ModelMarket, ModelOrder } from "./order.ts";
import type { RebateEstimate } from "./rebates.ts";

interface Pending {
  readonly order: ModelOrder;
  readonly fill: FillEvent;
  readonly fails: boolean;
  /** Rebate counted for it, pUSD millionths. */
  readonly rebate: number;
}

export interface Decided {
  readonly order: ModelOrder;
  readonly stage: FillStageEvent["stage"];
}

export class Provisional {
  private readonly pending = new Map<string, Pending>();

  constructor(private readonly account: Account, private readonly rebates: RebateEstimate) {}

  get size(): number {
    return this.pending.size;
  }

  add(pending: Pending): void {
    this.pending.set(pending.fill.fillId, pending);
  }

  /** Ids of the fills of a market that are still open, in order of their matches. */
  of(market: ModelMarket): string[] {
    return [...this.pending].filter(([, { order }]) => order.market === market).map(([fillId]) => fillId);
  }

  /** Settlement has spoken: the account follows. Null when it had spoken before. */
  decide(fillId: string): Decided | null {
    const pending = this.pending.get(fillId);
    if (pending === undefined) return null;
    this.pending.delete(fillId);
    const { order, fill, fails, rebate } = pending;
    if (!fails) {
      this.account.confirm(fill);
      return { order, stage: "final" };
    }
    this.account.undo(fill);
    if (rebate > 0) this.rebates.add(-rebate, fill.tExchange);
    return { order, stage: "undone" };
  }
}

/** Reads trades again that a jump of aggregate ids proves to be missing. They come late and say so: by their exchange time. */
import type { MarketEvent } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { FeedLog } from "../net/feed_context.ts";
import { type BinanceRest, type BinanceVenue, fetchTrades } from "./rest.ts";

export interface RefillOptions {
  readonly rest: BinanceRest;
  readonly venue: BinanceVenue;
  readonly log: FeedLog;
  readonly signal: AbortSignal;
  readonly emit: (events: readonly MarketEvent[]) => void;
}

/** Rows of one answer; a longer hole is history, not a gap. */
const MAX_TRADES = 1000;
const MAX_PENDING = 8;

/** A few holes at a time; one that cannot be filled stays a counted gap. */
export class TradeRefill {
  /** Trades handed on. */
  filled = 0;
  private readonly tasks = new Set<Promise<void>>();

  constructor(private readonly options: RefillOptions) {}

  /** `claim` says whether a trade is still missing, and takes it. */
  request(asset: Asset, firstId: number, lastId: number, claim: (id: number) => boolean): void {
    const { log, signal } = this.options;
    if (signal.aborted || this.tasks.size >= MAX_PENDING || lastId - firstId >= MAX_TRADES) {
      log.debug("a hole in the trades stays open", { asset, firstId, lastId });
      return;
    }
    const task = this.run(asset, [firstId, lastId], claim).finally(() => this.tasks.delete(task));
    this.tasks.add(task);
  }

  async closed(): Promise<void> {
    await Promise.all(this.tasks);
  }

  private async run(
    asset: Asset,
    [firstId, lastId]: readonly [number, number],
    claim: (id: number) => boolean,
  ): Promise<void> {
    const { emit, log, rest, signal, venue } = this.options;
    try {
      const limit = lastId - firstId + 1;
      const rows = await fetchTrades(rest, { venue, asset, fromId: firstId, limit }, { signal });
      if (signal.aborted) return;
      const missing = rows.filter(({ id }) => id >= firstId && id <= lastId && claim(id));
      if (missing.length === 0) return;
      this.filled += missing.length;
      emit(missing);
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      log.debug("a hole in the trades cannot be filled", { asset, firstId, lastId, message });
    }
  }
}

/**
 * Tells the venue to look at the chain before shares or cash of a confirmed trade are called settled: its own copy of the
 * balances trails, and an order that relies on them sooner is refused (dossier 10: "not enough balance" on a SELL right
 * after a BUY). One request per asset at a time; what comes meanwhile waits for the next one.
 */
import type { FeedLog } from "../net/feed_context.ts";
import type { OrderEntry } from "../polymarket/order_entry/types.ts";

export type Asset = Parameters<OrderEntry["refreshBalance"]>[0];

interface Waiting {
  readonly asset: Asset;
  /** Told when a request that begins from now on has ended. */
  next: (() => void)[];
  running: boolean;
}

export class Refresher {
  private readonly assets = new Map<string, Waiting>();
  private closed = false;

  constructor(private readonly entry: Pick<OrderEntry, "refreshBalance">, private readonly log: FeedLog) {}

  /** Calls `tell` once the venue has looked, or could not be made to: then it looks by itself, later. */
  before(asset: Asset, tell: () => void): void {
    if (this.closed) return tell();
    const key = asset.kind === "collateral" ? asset.kind : asset.token;
    let waiting = this.assets.get(key);
    if (waiting === undefined) this.assets.set(key, waiting = { asset, next: [], running: false });
    waiting.next.push(tell);
    if (!waiting.running) void this.run(key, waiting);
  }

  private async run(key: string, waiting: Waiting): Promise<void> {
    waiting.running = true;
    while (waiting.next.length > 0) {
      const told = waiting.next;
      waiting.next = [];
      try {
        await this.entry.refreshBalance(waiting.asset);
      } catch (error) {
        this.log.debug("the venue was not told to look at the chain", { asset: key, message: String(error) });
      }
      for (const tell of told) tell();
    }
    this.assets.delete(key);
  }

  /** Whatever waits is told now. */
  close(): void {
    this.closed = true;
    for (const waiting of this.assets.values()) {
      const told = waiting.next;
      waiting.next = [];
      for (const tell of told) tell();
    }
  }
}

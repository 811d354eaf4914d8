/**
 * A local futures book kept from the diff stream by the venue's own rule (exchanges dossier A6, not the spot rule): a REST
 * snapshot, the first diff must reach over it, and from then on `pu` must be the previous `u`. Recorded chains never have
 * `U` = previous `u` + 1. Pure: who fetches snapshots and when is `depth_sync.ts`.
 */
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import { isObject, isPlausibleMs, parseJson } from "../net/sink.ts";
import { levelsOf } from "./codec.ts";
import type { DepthSnapshot } from "./rest.ts";
import { assetOfSymbol } from "./routes.ts";

export interface DepthDiff {
  readonly stream: string;
  readonly asset: Asset;
  readonly firstId: number;
  readonly lastId: number;
  readonly previousId: number;
  /** Flat `[price, size, ...]`, absolute sizes, 0 deletes. */
  readonly bids: readonly number[];
  readonly asks: readonly number[];
  readonly tExchange: Ms;
}

const DIFF_STREAM = /^[a-z0-9]+@depth(?:@(?:100|250|500)ms)?$/;
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** True for a combined frame of a diff stream, by its head alone. */
export const isDiffFrame = (text: string): boolean => /^\{"stream":"[a-z0-9]+@depth(?:@\d+ms)?"/.test(text);

/** One combined diff frame; null for anything else, COIN-M and other symbols among it. */
export function decodeDiff(text: string): DepthDiff | null {
  const message = parseJson(text);
  if (!isObject(message) || typeof message.stream !== "string" || !DIFF_STREAM.test(message.stream)) {
    return null;
  }
  const { data } = message;
  if (!isObject(data) || data.e !== "depthUpdate" || typeof data.s !== "string") return null;
  if (data.st !== undefined && data.st !== 1) return null;
  const asset = assetOfSymbol(data.s);
  const bids = levelsOf(data.b);
  const asks = levelsOf(data.a);
  const at = isPlausibleMs(data.T) ? data.T : data.E;
  if (asset === undefined || bids === null || asks === null || !isPlausibleMs(at)) return null;
  if (!isId(data.U) || !isId(data.u) || !isId(data.pu) || data.U > data.u) return null;
  return {
    stream: message.stream,
    asset,
    firstId: data.U,
    lastId: data.u,
    previousId: data.pu,
    bids,
    asks,
    tExchange: at as Ms,
  };
}

/** One side, best price first. */
class DepthSide {
  private readonly prices: number[] = [];
  private readonly sizes: number[] = [];

  /** `sign` 1: high prices first (bids), -1: low prices first (asks). */
  constructor(private readonly sign: 1 | -1, private readonly maxLevels: number) {}

  get length(): number {
    return this.prices.length;
  }

  clear(): void {
    this.prices.length = 0;
    this.sizes.length = 0;
  }

  set(price: number, size: number): void {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.prices[middle]! - price) * this.sign > 0) low = middle + 1;
      else high = middle;
    }
    const known = this.prices[low] === price;
    if (size === 0) {
      // Deleting an unknown level is normal.
      if (!known) return;
      this.prices.splice(low, 1);
      this.sizes.splice(low, 1);
    } else if (known) this.sizes[low] = size;
    else if (low < this.maxLevels) {
      this.prices.splice(low, 0, price);
      this.sizes.splice(low, 0, size);
      if (this.prices.length > this.maxLevels) {
        this.prices.pop();
        this.sizes.pop();
      }
    }
  }

  top(levels: number): number[] {
    const count = Math.min(levels, this.prices.length);
    const out: number[] = [];
    for (let i = 0; i < count; i++) out.push(this.prices[i]!, this.sizes[i]!);
    return out;
  }
}

/** Diffs kept while a snapshot is on its way: two minutes at 100 ms. */
const MAX_BUFFERED = 1200;
const MAX_LEVELS = 2000;

/** `applied`: the book is new; `held`: no book yet; `old`: a copy; `gap`: a diff is missing, a snapshot is needed. */
export type DiffResult = "applied" | "held" | "old" | "gap";

export class DepthBook {
  private readonly bids = new DepthSide(1, MAX_LEVELS);
  private readonly asks = new DepthSide(-1, MAX_LEVELS);
  private buffer: DepthDiff[] = [];
  /** Id of the snapshot while no diff has been applied to it; -1: no snapshot. */
  private snapshotId = -1;
  /** Last id applied; -1: none yet. */
  private lastId = -1;

  /** A snapshot and at least one diff over it: the book may be used. */
  get synced(): boolean {
    return this.lastId >= 0;
  }

  /** Id of the newest diff applied, -1 without one. */
  get id(): number {
    return this.lastId;
  }

  /** The best `levels` of both sides, flat. */
  top(levels: number): { readonly bids: number[]; readonly asks: number[] } {
    return { bids: this.bids.top(levels), asks: this.asks.top(levels) };
  }

  /** Forgets everything but waits for a snapshot again. */
  clear(): void {
    this.bids.clear();
    this.asks.clear();
    this.buffer = [];
    this.snapshotId = -1;
    this.lastId = -1;
  }

  apply(diff: DepthDiff): DiffResult {
    if (this.lastId >= 0) {
      if (diff.lastId <= this.lastId) return "old";
      if (diff.previousId !== this.lastId) return this.restart(diff);
      this.write(diff);
      return "applied";
    }
    if (this.snapshotId >= 0) return this.first(diff);
    const newest = this.buffer[this.buffer.length - 1];
    if (newest !== undefined && diff.lastId <= newest.lastId) return "old";
    // A hole in the buffer would show as a gap later; what lies before it is of no use any more.
    if (newest !== undefined && diff.previousId !== newest.lastId) this.buffer = [];
    if (this.buffer.length >= MAX_BUFFERED) this.buffer.shift();
    this.buffer.push(diff);
    return "held";
  }

  /** Takes a snapshot; false when it is older than what we hold, so that another one is needed. */
  load(snapshot: DepthSnapshot): boolean {
    const held = this.buffer.filter((diff) => diff.lastId >= snapshot.lastUpdateId);
    const oldest = held[0];
    if (oldest !== undefined && !reaches(oldest, snapshot.lastUpdateId)) return false;
    this.clear();
    for (let i = 0; i < snapshot.bids.length; i += 2) this.bids.set(snapshot.bids[i]!, snapshot.bids[i + 1]!);
    for (let i = 0; i < snapshot.asks.length; i += 2) this.asks.set(snapshot.asks[i]!, snapshot.asks[i + 1]!);
    this.snapshotId = snapshot.lastUpdateId;
    for (const diff of held) this.write(diff);
    return true;
  }

  private first(diff: DepthDiff): DiffResult {
    if (diff.lastId < this.snapshotId) return "old";
    if (!reaches(diff, this.snapshotId)) return this.restart(diff);
    this.write(diff);
    return "applied";
  }

  private restart(diff: DepthDiff): DiffResult {
    this.clear();
    this.buffer.push(diff);
    return "gap";
  }

  private write(diff: DepthDiff): void {
    for (let i = 0; i < diff.bids.length; i += 2) this.bids.set(diff.bids[i]!, diff.bids[i + 1]!);
    for (let i = 0; i < diff.asks.length; i += 2) this.asks.set(diff.asks[i]!, diff.asks[i + 1]!);
    this.lastId = diff.lastId;
  }
}

/** The first diff over a snapshot: it spans its id, or follows it directly. */
const reaches = (diff: DepthDiff, id: number): boolean =>
  (diff.firstId <= id && id <= diff.lastId) || diff.previousId === id;

/**
 * What is remembered of orders and trades that are settled: everything that a late message may still be judged by, in a few
 * arrays of fixed size. An order comes out as it went in (but for its own id and the names of its trades, which are
 * remembered themselves), so it does not matter when it was put away. What the arrays cannot hold is forgotten, oldest first.
 */
import { invariant } from "../errors.ts";
import type { OrderType } from "../events.ts";
import type { FeeSchedule, Outcome } from "../market/instrument.ts";
import type { Ms, Price, Shares, Usdc } from "../units.ts";
import { type Key, keyOf, KeyRing } from "./key_ring.ts";
import {
  LIFE_STATES,
  type OrderTerms,
  type PastRecord,
  type PastTrade,
  type TrackedOrder,
  type TrackedTrade,
  TRADE_STATES,
  type TradeLeg,
} from "./lifecycle_types.ts";

/** How many are remembered, powers of two. */
export interface PastLimits {
  /** Orders with a match. */
  readonly matched: number;
  readonly unmatched: number;
  readonly trades: number;
}

/**
 * 131 bytes an order and 34 a trade, allocated with the first: 8.7 MB. At the venue's 50 orders a second the unmatched of the
 * last five minutes, at one every three seconds those of half a day.
 */
export const PAST_LIMITS: PastLimits = { matched: 32_768, unmatched: 16_384, trades: 65_536 };

const ORDER_TYPES: readonly OrderType[] = ["GTC", "GTD", "FOK", "FAK"];
const COLUMNS = 12;
const MAX_POOL = 256;

/** What all orders of a token share. */
interface Place {
  readonly conditionId: string;
  readonly token: string;
  readonly outcome: Outcome;
  readonly fee: FeeSchedule;
}

const sameFee = (a: FeeSchedule, b: FeeSchedule): boolean =>
  a === b ||
  a.ratePpm === b.ratePpm && a.exponent === b.exponent && a.takerOnly === b.takerOnly &&
    a.rebatePpm === b.rebatePpm;

/** Keeps one copy of equal things, of the last few hundred. */
function pooled<T>(pool: Map<string, T>, name: string, value: T, same: (a: T, b: T) => boolean): T {
  const known = pool.get(name);
  if (known !== undefined && same(known, value)) return known;
  pool.delete(name);
  pool.set(name, value);
  if (pool.size > MAX_POOL) pool.delete(pool.keys().next().value!);
  return value;
}

const textOfKey = ({ high, low }: Key): string =>
  `${high.toString(16).padStart(8, "0")}${low.toString(16).padStart(8, "0")}`;

const orNaN = (value: number | null): number => value ?? NaN;
const orNull = <T extends number>(value: number): T | null => Number.isNaN(value) ? null : value as T;

/** 131 bytes a row: key and index 17, amounts and times 96, flags 2, two references 16. */
class PastOrders {
  private readonly ring: KeyRing;
  private readonly figures: Float64Array;
  private readonly flags: Uint16Array;
  private readonly places: (Place | null)[];
  private readonly reasons: (string | null)[];
  private readonly placePool = new Map<string, Place>();
  private readonly reasonPool = new Map<string, string>();

  constructor(capacity: number) {
    this.ring = new KeyRing(capacity);
    this.figures = new Float64Array(capacity * COLUMNS);
    this.flags = new Uint16Array(capacity);
    this.places = new Array<Place | null>(capacity).fill(null);
    this.reasons = new Array<string | null>(capacity).fill(null);
  }

  get size(): number {
    return this.ring.size;
  }

  has(key: Key): boolean {
    return this.ring.find(key) >= 0;
  }

  /** Returns whether an older one had to give way. */
  add(key: Key, order: TrackedOrder): boolean {
    let gaveWay = false;
    const row = this.ring.add(key, () => gaveWay = true);
    const { terms } = order;
    const { conditionId, token, outcome, fee } = terms;
    const place = { conditionId, token, outcome, fee };
    this.places[row] = pooled(
      this.placePool,
      token,
      place,
      (a, b) => a.conditionId === b.conditionId && a.outcome === b.outcome && sameFee(a.fee, b.fee),
    );
    this.reasons[row] = order.reason === null
      ? null
      : pooled(this.reasonPool, order.reason, order.reason, () => true);
    this.flags[row] = LIFE_STATES.indexOf(order.state) | ORDER_TYPES.indexOf(terms.orderType) << 4 |
      (terms.side === "sell" ? 64 : 0) | (terms.postOnly ? 128 : 0);
    this.figures.set([
      order.createdAtMs,
      orNaN(order.sentAtMs),
      orNaN(order.cancelAskedAtMs),
      orNaN(order.endedAtMs),
      orNaN(terms.expiresAtMs),
      order.shown,
      order.told,
      order.toldCash,
      terms.limit,
      terms.size,
      terms.spend,
      terms.costBound,
    ], row * COLUMNS);
    return gaveWay;
  }

  /** The order as it was; undefined when it is not here. */
  get(key: Key, hash: string): TrackedOrder | undefined {
    const row = this.ring.find(key);
    return row < 0 ? undefined : this.orderAt(row, hash);
  }

  remove(key: Key): void {
    const row = this.ring.find(key);
    if (row < 0) return;
    this.ring.remove(row);
    this.places[row] = null;
    this.reasons[row] = null;
  }

  /** All of it, oldest first; in place of hashes the digests they are found by. */
  all(): TrackedOrder[] {
    return [...this.ring.rows()].map((row) => this.orderAt(row, textOfKey(this.ring.keyAt(row))));
  }

  private orderAt(row: number, hash: string): TrackedOrder {
    const at = (column: number): number => this.figures[row * COLUMNS + column]!;
    const flags = this.flags[row]!;
    const { conditionId, token, outcome, fee } = this.places[row]!;
    const terms: OrderTerms = {
      hash,
      orderId: "",
      ...{ conditionId, token, outcome },
      side: (flags & 64) === 0 ? "buy" : "sell",
      orderType: ORDER_TYPES[flags >> 4 & 3]!,
      postOnly: (flags & 128) !== 0,
      limit: at(8) as Price,
      size: at(9) as Shares,
      spend: at(10) as Usdc,
      expiresAtMs: orNull<Ms>(at(4)),
      fee,
      costBound: at(11) as Usdc,
    };
    return {
      terms,
      state: LIFE_STATES[flags & 15]!,
      createdAtMs: at(0) as Ms,
      sentAtMs: orNull<Ms>(at(1)),
      shown: at(5) as Shares,
      told: at(6) as Shares,
      toldCash: at(7) as Usdc,
      tradeIds: [],
      cancelAskedAtMs: orNull<Ms>(at(2)),
      disputed: false,
      stale: false,
      askAtMs: null,
      asks: 0,
      endedAtMs: orNull<Ms>(at(3)),
      reason: this.reasons[row]!,
      wasPutAway: true,
    };
  }
}

/** Our parts of a trade as `sameLegs()` compares them. */
export const legsKey = (legs: readonly TradeLeg[]): Key =>
  keyOf(legs.map(({ hash, price, size, cash }) => `${hash} ${price} ${size} ${cash}`).join(","));

/** 34 bytes a row: key and index 17, legs 8, time of the match 8, state and number of parts 1. */
class PastTrades {
  private readonly ring: KeyRing;
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;
  private readonly matchedAt: Float64Array;
  private readonly flags: Uint8Array;

  constructor(capacity: number) {
    this.ring = new KeyRing(capacity);
    this.high = new Uint32Array(capacity);
    this.low = new Uint32Array(capacity);
    this.matchedAt = new Float64Array(capacity);
    this.flags = new Uint8Array(capacity);
  }

  get size(): number {
    return this.ring.size;
  }

  get(key: Key): PastTrade | undefined {
    const row = this.ring.find(key);
    if (row < 0) return undefined;
    const flags = this.flags[row]!;
    const legs = { high: this.high[row]!, low: this.low[row]! };
    return { state: TRADE_STATES[flags & 7]!, legs, parts: flags >> 3 };
  }

  /** Returns the time of the match of the trade that had to give way; null when none had to. */
  add(key: Key, { state, legs, parts }: PastTrade, matchedAtMs: Ms): Ms | null {
    let gone: Ms | null = null;
    const row = this.ring.add(key, (oldest) => void (gone = this.matchedAt[oldest]! as Ms));
    this.high[row] = legs.high;
    this.low[row] = legs.low;
    this.matchedAt[row] = matchedAtMs;
    this.flags[row] = TRADE_STATES.indexOf(state) | Math.min(31, parts) << 3;
    return gone;
  }

  all(): unknown[] {
    return [...this.ring.rows()].map((row) => {
      const key = this.ring.keyAt(row);
      return [textOfKey(key), this.matchedAt[row], this.get(key)];
    });
  }
}

interface Store {
  readonly matched: PastOrders;
  readonly unmatched: PastOrders;
  readonly trades: PastTrades;
}

/** Settled orders and trades. Nothing is allocated before the first. */
export class Past implements PastRecord {
  horizonMs: Ms | null = null;
  hasForgottenOrders = false;
  private store: Store | null = null;

  constructor(private readonly limits: PastLimits = PAST_LIMITS) {}

  get orders(): number {
    return this.store === null ? 0 : this.store.matched.size + this.store.unmatched.size;
  }

  get trades(): number {
    return this.store?.trades.size ?? 0;
  }

  hasOrder(hash: string): boolean {
    if (this.store === null) return false;
    const key = keyOf(hash);
    return this.store.matched.has(key) || this.store.unmatched.has(key);
  }

  order(hash: string): TrackedOrder | undefined {
    if (this.store === null) return undefined;
    const key = keyOf(hash);
    return this.store.matched.get(key, hash) ?? this.store.unmatched.get(key, hash);
  }

  takeOrder(hash: string): TrackedOrder | undefined {
    const order = this.order(hash);
    if (order === undefined) return undefined;
    const key = keyOf(hash);
    this.store!.matched.remove(key);
    this.store!.unmatched.remove(key);
    return order;
  }

  addOrder(order: TrackedOrder): void {
    invariant(
      !order.disputed && !order.stale && order.endedAtMs !== null,
      "only a settled order is put away",
    );
    const key = keyOf(order.terms.hash);
    const { matched, unmatched } = this.allocated();
    const hasMatched = order.told > 0 || order.shown > 0;
    matched.remove(key);
    unmatched.remove(key);
    if ((hasMatched ? matched : unmatched).add(key, order)) this.hasForgottenOrders = true;
  }

  trade(id: string): PastTrade | undefined {
    return this.store?.trades.get(keyOf(id));
  }

  addTrade(
    { id, state, legs, matchedAtMs }: Pick<TrackedTrade, "id" | "state" | "legs" | "matchedAtMs">,
  ): void {
    const key = keyOf(id);
    const { trades } = this.allocated();
    if (trades.get(key) !== undefined) return;
    const gone = trades.add(key, { state, legs: legsKey(legs), parts: legs.length }, matchedAtMs);
    if (gone !== null && gone > (this.horizonMs ?? -Infinity)) this.horizonMs = gone;
  }

  /** For comparing: everything in plain values, oldest first. */
  toJSON(): unknown {
    const { horizonMs, store } = this;
    const [matched, unmatched] = [store?.matched.all() ?? [], store?.unmatched.all() ?? []];
    return { horizonMs, matched, unmatched, trades: store?.trades.all() ?? [] };
  }

  private allocated(): Store {
    const { matched, unmatched, trades } = this.limits;
    return this.store ??= {
      matched: new PastOrders(matched),
      unmatched: new PastOrders(unmatched),
      trades: new PastTrades(trades),
    };
  }
}

/**
 * What is known of one asset's fast market, oracle and volatility, updated event by event without allocating.
 *
 * The price comes from one source only, the best ever seen (futures, then spot, then others): a change of source would
 * put the basis between two venues into the returns. All windows are in time, never in ticks.
 */
import type {
  FastBarEvent,
  FastBookEvent,
  FastTopEvent,
  FastTradeEvent,
  FastVenue,
  OraclePriceEvent,
} from "../events.ts";
import { exp, halfPower, log } from "../exact_math.ts";
import { SecondRing } from "./second_ring.ts";

/** Source rank: a higher one replaces a lower one for good. */
const RANK: Readonly<Record<FastVenue, number>> = {
  "binance-futures": 3,
  "binance-spot": 2,
  "bybit": 1,
  "coinbase": 1,
};

/** Flow keeps 0.9 of itself each 60 s (half-life 6.6 min), as the seeds' minute-wise decay but continuous. */
const FLOW_DECAY_PER_MS = log(0.9) / 60_000;
/** A large trade's flag keeps 0.7 each 5 s. */
const FLAG_DECAY_PER_MS = log(0.7) / 5_000;
const LARGE_TRADE_FACTOR = 3;
const TRADE_MEMORY = 100;
const CVD_SLOT_MS = 100;
const CVD_SLOTS = 16;
/** Volatility is sampled at 5 s: one-second returns carry too much of the tick. */
const VOL_SAMPLE_S = 5;
const VOL_SHORT = 60;
const VOL_LONG = 720;
/** Half-life of the fair value's volatility estimate. */
const VOL_HALF_LIFE_S = 900;
const BASIS_HALF_LIFE_S = 60;

export class AssetState {
  readonly prices = new SecondRing();
  readonly oracle = new SecondRing();
  source: FastVenue | null = null;
  price = NaN;
  /** Receive time of the newest price, and the source's own stamp. */
  priceAtMs = -Infinity;
  priceExchangeMs = -Infinity;
  oraclePrice = NaN;
  oracleAtMs = -Infinity;
  twap = NaN;
  twapAtMs = -Infinity;
  /** Oracle minus fast price, smoothed; 0 with `basisKnown` false until both were seen. */
  basis = 0;
  basisKnown = false;
  /** Strike source minus fast price, learned at window starts where no oracle prints are seen. */
  readonly strikeBasis = new Map<string, number>();
  imbalanceL1 = NaN;
  imbalanceL5 = NaN;
  bookAtMs = -Infinity;
  impliedVol = NaN;
  /** Prices refused because no market moves like that. */
  implausible = 0;

  private buyUsd = 0;
  private sellUsd = 0;
  private flowAtMs = NaN;
  private cvd = 0;
  private readonly cvdRing = new Float64Array(CVD_SLOTS);
  private cvdSlot = -1;
  private firstTradeMs = NaN;
  private readonly tradeCounts = new Int32Array(16);
  private tradeSecond = -1;
  private readonly sizes = new Float64Array(TRADE_MEMORY);
  private readonly sorted = new Float64Array(TRADE_MEMORY);
  private sizeCount = 0;
  private sizeIndex = 0;
  private flag = 0;
  private flagAtMs = NaN;

  private readonly squares = new Float64Array(VOL_LONG);
  private squareCount = 0;
  private squareIndex = 0;
  private sumShort = 0;
  private sumLong = 0;
  private volSecond = -1;
  private volPrice = NaN;
  private ewSquares = 0;
  private ewSeconds = 0;

  private minuteStdSecond = -1;
  private minuteStdValue = NaN;

  private take(venue: FastVenue): boolean {
    if (venue === this.source) return true;
    if (this.source !== null && RANK[venue] <= RANK[this.source]) return false;
    this.source = venue;
    this.prices.clear();
    this.resetVolatility();
    this.price = NaN;
    this.priceExchangeMs = -Infinity;
    this.basis = 0;
    this.basisKnown = false;
    return true;
  }

  private resetVolatility(): void {
    this.squareCount = 0;
    this.squareIndex = 0;
    this.sumShort = 0;
    this.sumLong = 0;
    this.volSecond = -1;
    this.ewSquares = 0;
    this.ewSeconds = 0;
    this.minuteStdSecond = -1;
  }

  /** No market doubles or halves within a minute: such a price is a damaged frame, and believing it would cost money. */
  private isImplausible(value: number, atMs: number): boolean {
    return atMs - this.priceAtMs < 60_000 && (value > 2 * this.price || value < this.price / 2);
  }

  /** A price of the fast market at `atMs` (receive time; a bar's close time during warm-up). */
  onPrice(venue: FastVenue, value: number, atMs: number, exchangeMs: number): void {
    if (!(value > 0) || !this.take(venue)) return;
    // Trades asked for again come after newer ones: they belong to the flow, they are not the price.
    if (exchangeMs < this.priceExchangeMs) return;
    if (this.isImplausible(value, atMs)) return void this.implausible++;
    const second = Math.floor(atMs / 1000);
    if (!this.prices.set(second, value)) return;
    this.price = value;
    this.priceAtMs = atMs;
    this.priceExchangeMs = exchangeMs;
    this.sampleVolatility(second, value);
  }

  private sampleVolatility(second: number, value: number): void {
    if (this.volSecond < 0) {
      this.volSecond = second;
      this.volPrice = value;
      return;
    }
    const elapsed = second - this.volSecond;
    if (elapsed < VOL_SAMPLE_S) return;
    const logReturn = log(value / this.volPrice);
    const square = logReturn * logReturn;
    const steps = Math.min(VOL_LONG, Math.floor(elapsed / VOL_SAMPLE_S));
    for (let i = 0; i < steps; i++) this.pushSquare(square / steps);
    const keep = halfPower(elapsed / VOL_HALF_LIFE_S);
    this.ewSquares = this.ewSquares * keep + square;
    this.ewSeconds = this.ewSeconds * keep + elapsed;
    this.volSecond = second;
    this.volPrice = value;
  }

  private pushSquare(square: number): void {
    const i = this.squareIndex;
    if (this.squareCount === VOL_LONG) this.sumLong -= this.squares[i]!;
    if (this.squareCount >= VOL_SHORT) this.sumShort -= this.squares[(i + VOL_LONG - VOL_SHORT) % VOL_LONG]!;
    this.squares[i] = square;
    this.sumLong += square;
    this.sumShort += square;
    this.squareIndex = (i + 1) % VOL_LONG;
    if (this.squareCount < VOL_LONG) this.squareCount++;
    // Running sums drift by rounding; once a turn they are taken anew.
    if (this.squareIndex === 0) this.resum();
  }

  private resum(): void {
    this.sumLong = 0;
    this.sumShort = 0;
    for (let k = 0; k < this.squareCount; k++) {
      const value = this.squares[(this.squareIndex - 1 - k + 2 * VOL_LONG) % VOL_LONG]!;
      this.sumLong += value;
      if (k < VOL_SHORT) this.sumShort += value;
    }
  }

  onBar(event: FastBarEvent): void {
    if (event.closed) {
      this.onPrice(event.venue, event.close, Math.min(event.closeMs, event.tReceive), event.closeMs);
    } else this.onPrice(event.venue, event.close, event.tReceive, event.tExchange);
  }

  /** A top with one side only is no price. */
  onTop(event: FastTopEvent): void {
    if (!(event.bid > 0) || !(event.ask > 0)) return;
    this.onPrice(event.venue, (event.bid + event.ask) / 2, event.tReceive, event.tExchange);
  }

  /** Imbalance (b-a)/(b+a) of the best and the best five levels of the futures book. */
  onBook(event: FastBookEvent): void {
    const bid = bestOf(event.bids, 1);
    const ask = bestOf(event.asks, -1);
    if (Number.isNaN(bid) || Number.isNaN(ask)) return;
    this.onPrice(event.venue, (bid + ask) / 2, event.tReceive, event.tExchange);
    if (event.venue !== "binance-futures") return;
    this.imbalanceL1 = imbalance(topSize(event.bids, 1, 1), topSize(event.asks, -1, 1));
    this.imbalanceL5 = imbalance(topSize(event.bids, 1, 5), topSize(event.asks, -1, 5));
    this.bookAtMs = event.tReceive;
  }

  onTrade(event: FastTradeEvent): void {
    this.onPrice(event.venue, event.price, event.tReceive, event.tExchange);
    if (event.venue !== "binance-futures") return;
    const now = event.tReceive;
    const usd = event.price * event.size;
    if (!(usd > 0)) return;
    this.decayFlow(now);
    this.advanceCvd(now);
    if (event.takerBuys) this.buyUsd += usd;
    else this.sellUsd += usd;
    this.cvd += event.takerBuys ? usd : -usd;
    if (Number.isNaN(this.firstTradeMs)) this.firstTradeMs = now;
    this.countTrade(now);
    this.noteSize(usd, now);
  }

  private decayFlow(now: number): void {
    if (!Number.isNaN(this.flowAtMs) && now > this.flowAtMs) {
      const keep = exp(FLOW_DECAY_PER_MS * (now - this.flowAtMs));
      this.buyUsd *= keep;
      this.sellUsd *= keep;
    }
    this.flowAtMs = now;
  }

  /** Slot k holds the CVD as it stood when slot k began. */
  private advanceCvd(now: number): void {
    const slot = Math.floor(now / CVD_SLOT_MS);
    if (slot === this.cvdSlot) return;
    const from = this.cvdSlot < 0 ? slot - CVD_SLOTS + 1 : Math.max(this.cvdSlot + 1, slot - CVD_SLOTS + 1);
    for (let s = from; s <= slot; s++) this.cvdRing[s % CVD_SLOTS] = this.cvd;
    this.cvdSlot = slot;
  }

  private countTrade(now: number): void {
    const second = Math.floor(now / 1000);
    this.advanceTradeSeconds(second);
    this.tradeCounts[second & 15] = this.tradeCounts[second & 15]! + 1;
  }

  private advanceTradeSeconds(second: number): void {
    if (second <= this.tradeSecond) return;
    const from = this.tradeSecond < 0 ? second - 15 : Math.max(this.tradeSecond + 1, second - 15);
    for (let s = from; s <= second; s++) this.tradeCounts[s & 15] = 0;
    this.tradeSecond = second;
  }

  /** Keeps the last 100 trade values sorted, so that the median costs one look. */
  private noteSize(usd: number, now: number): void {
    const count = this.sizeCount;
    if (count >= 20) {
      const half = count >> 1;
      const median = count % 2 === 1 ? this.sorted[half]! : (this.sorted[half - 1]! + this.sorted[half]!) / 2;
      if (usd > LARGE_TRADE_FACTOR * median) {
        this.flag = 1;
        this.flagAtMs = now;
      }
    }
    if (count === TRADE_MEMORY) this.removeSorted(this.sizes[this.sizeIndex]!);
    else this.sizeCount++;
    this.sizes[this.sizeIndex] = usd;
    this.sizeIndex = (this.sizeIndex + 1) % TRADE_MEMORY;
    this.insertSorted(usd, this.sizeCount);
  }

  private removeSorted(value: number): void {
    const at = lowerBound(this.sorted, TRADE_MEMORY, value);
    this.sorted.copyWithin(at, at + 1, TRADE_MEMORY);
  }

  private insertSorted(value: number, count: number): void {
    const at = lowerBound(this.sorted, count - 1, value);
    this.sorted.copyWithin(at + 1, at, count - 1);
    this.sorted[at] = value;
  }

  /** Oracle print. The basis compares it with the fast price of the same second, because prints arrive 1-2.5 s late. */
  onOracle(event: OraclePriceEvent): void {
    if (event.provider !== "chainlink" || !(event.value > 0)) return;
    if (event.kind === "twap60") {
      if (event.tExchange < this.twapAtMs) return;
      this.twap = event.value;
      this.twapAtMs = event.tExchange;
      return;
    }
    const second = Math.floor(event.tExchange / 1000);
    if (!this.oracle.set(second, event.value)) return;
    this.oraclePrice = event.value;
    this.oracleAtMs = event.tExchange;
    const fast = this.prices.at(second);
    if (Number.isNaN(fast)) return;
    const difference = event.value - fast;
    this.basis = this.basisKnown
      ? this.basis + (difference - this.basis) * (1 - halfPower(1 / BASIS_HALF_LIFE_S))
      : difference;
    this.basisKnown = true;
  }

  /** (B-S)/(B+S) of decayed taker dollars; NaN before the first trade. */
  tradeFlow(): number {
    const total = this.buyUsd + this.sellUsd;
    return total > 0 ? (this.buyUsd - this.sellUsd) / total : NaN;
  }

  /** Change of CVD in dollars over the last 0.5 s; NaN before the first trade. */
  cvdChange(now: number): number {
    if (Number.isNaN(this.firstTradeMs)) return NaN;
    this.advanceCvd(now);
    const slot = this.cvdSlot - 5;
    return this.cvd - this.cvdRing[((slot % CVD_SLOTS) + CVD_SLOTS) % CVD_SLOTS]!;
  }

  /** Futures trades a second over the last 10 s; NaN before the first trade. */
  tradeIntensity(now: number): number {
    if (Number.isNaN(this.firstTradeMs)) return NaN;
    const second = Math.floor(now / 1000);
    this.advanceTradeSeconds(second);
    let total = 0;
    for (let s = second - 9; s <= second; s++) total += this.tradeCounts[s & 15]!;
    return total / 10;
  }

  /** 1 at a trade above three times the median of the last 100, fading with time; NaN before 20 trades. */
  largeTradeFlag(now: number): number {
    if (this.sizeCount < 20) return NaN;
    if (this.flag === 0) return 0;
    return exp(FLAG_DECAY_PER_MS * Math.max(0, now - this.flagAtMs));
  }

  /** RMS of 5 s returns over 5 min against 60 min, minus 1; NaN until ten minutes are known. */
  volExpansion(): number {
    if (this.squareCount < 2 * VOL_SHORT || this.sumLong <= 0) return NaN;
    return Math.sqrt(Math.max(0, this.sumShort) / VOL_SHORT) / Math.sqrt(this.sumLong / this.squareCount) - 1;
  }

  /** Realised volatility of log returns per square-root second (half-life 15 min); NaN until two minutes are known. */
  volPerSqrtSecond(): number {
    return this.ewSeconds < 110 ? NaN : Math.sqrt(this.ewSquares / this.ewSeconds);
  }

  /** Standard deviation of the last 59 one-minute returns times sqrt(60): volatility of an hour. NaN without the hour. */
  hourlyVol(now: number): number {
    const second = Math.floor(now / 1000);
    if (second === this.minuteStdSecond) return this.minuteStdValue;
    this.minuteStdSecond = second;
    let sum = 0;
    let squares = 0;
    let newer = this.prices.at(second);
    for (let m = 1; m <= 59; m++) {
      const older = this.prices.at(second - m * 60);
      const r = newer / older - 1;
      sum += r;
      squares += r * r;
      newer = older;
    }
    const mean = sum / 59;
    this.minuteStdValue = Math.sqrt(Math.max(0, squares / 59 - mean * mean)) * Math.sqrt(60);
    return this.minuteStdValue;
  }
}

function lowerBound(values: Float64Array, count: number, value: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const imbalance = (bid: number, ask: number): number => bid + ask > 0 ? (bid - ask) / (bid + ask) : NaN;

/** Best price of a side (`direction` 1: highest, -1: lowest); NaN for an empty side. The array's order is not trusted. */
function bestOf(levels: readonly number[], direction: 1 | -1): number {
  let best = NaN;
  for (let i = 0; i + 1 < levels.length; i += 2) {
    const p = levels[i]!;
    if (levels[i + 1]! > 0 && (Number.isNaN(best) || (p - best) * direction > 0)) best = p;
  }
  return best;
}

/** Sum of the sizes of the best `count` levels. Venue frames come best first; any other order is sorted first. */
function topSize(levels: readonly number[], direction: 1 | -1, count: number): number {
  for (let i = 2; i + 1 < levels.length; i += 2) {
    if ((levels[i]! - levels[i - 2]!) * direction > 0) return topSizeUnsorted(levels, direction, count);
  }
  let total = 0;
  for (let i = 0; i < count && 2 * i + 1 < levels.length; i++) total += levels[2 * i + 1]!;
  return total;
}

function topSizeUnsorted(levels: readonly number[], direction: 1 | -1, count: number): number {
  const rows: [number, number][] = [];
  for (let i = 0; i + 1 < levels.length; i += 2) rows.push([levels[i]!, levels[i + 1]!]);
  rows.sort((a, b) => (b[0] - a[0]) * direction);
  return rows.slice(0, count).reduce((sum, row) => sum + row[1], 0);
}

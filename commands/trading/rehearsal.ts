/**
 * The way from a frame to an order's bytes, walked again and again with nothing at its end, so that a real order does not walk
 * it cold. Orders are rare: between two of them the compiler has seen too little of their code to compile it well, and the
 * processor's caches have forgotten it, which together cost an order three to five times what its work takes. Everything here
 * is its own: engine, policy, books, a throwaway key, a journal in memory; no byte leaves and nothing of the session changes.
 */
import { setImmediate } from "node:timers";
import type { EngineOptions } from "../../core/engine.ts";
import type { MarketEvent } from "../../core/events.ts";
import type { Asset, Instrument } from "../../core/market/instrument.ts";
import { HOLD, type Policy, WANT_DOWN, WANT_UP } from "../../core/policy/policy.ts";
import { type Ms, parseDecimal, type Price, type Shares, type Usdc } from "../../core/units.ts";
import { decodeBinanceFrame, newBinanceState } from "../../feeds/binance/codec.ts";
import { openRehearsalPort, type RehearsalPort } from "../../feeds/gateway/rehearsal_port.ts";
import { Secret } from "../../feeds/keys/secret.ts";
import { newKey } from "../../feeds/keys/keystore.ts";
import { newSink } from "../../feeds/net/sink.ts";
import { decodeMarketFrame } from "../../feeds/polymarket/market_codec.ts";
import { accountOf, openSigner } from "../../feeds/polymarket/signing/account.ts";
import type { Curve } from "../../feeds/polymarket/signing/curve.ts";
import type { OrderSigner } from "../../feeds/polymarket/signing/fast_signer.ts";
import { type FillRandom, saltSource } from "../../feeds/polymarket/signing/order.ts";
import { SessionRecorder } from "./recorder.ts";

export interface RehearsalOptions {
  /** As the session's own; the policy is another instance of the same. */
  readonly engine: EngineOptions;
  /** Windows looked at in one step, as many as the session has. */
  readonly windows: number;
  /** Kind of the account that trades: its signature is rehearsed. */
  readonly signatureType: 0 | 1 | 2 | 3;
  readonly random: FillRandom;
  /** The session's own curve: its code is what is to stay warm. */
  readonly curve: Curve;
  /** As order entry's: makes of an order's body what would be sent, and sends nothing. */
  readonly rehearse: (body: string) => void;
  readonly monotonicUs: () => number;
}

const ASSET: Asset = "btc";
const WINDOW_MS = 900_000;
/** Any instant on the grid; rehearsals have a time of their own. */
const BEGIN_MS = 1_795_000_500_000;
/** Of that time in one pass. */
const STEP_MS = 100;
/** Books, orders and rows are begun anew after so much of that time, so that nothing grows. */
const EPISODE_MS = 200_000;
/** A pass that takes longer is too long: a frame may wait for it. A policy that makes most of them so is not asked any more. */
const MOST_US = 1_000;
const JUDGED_PASSES = 200;
const LEVELS = 20;
const STAKE = parseDecimal("10", 6) as Usdc;
const BANKROLL = parseDecimal("1000000000", 6) as Usdc;

function instrumentOf(index: number, beginMs: number): Instrument {
  return {
    slug: `rehearsal-${index}`,
    asset: ASSET,
    duration: "15m",
    conditionId: `0x${(index + 1).toString(16).padStart(64, "0")}`,
    version: "v2",
    upToken: `${2n ** 255n + BigInt(2 * index)}`,
    downToken: `${2n ** 255n + BigInt(2 * index + 1)}`,
    startMs: beginMs as Ms,
    endMs: (beginMs + WINDOW_MS) as Ms,
    tick: 100 as Price,
    minSize: 5_000_000 as Shares,
    fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 200_000 },
    rule: { kind: "twap", oracle: "chainlink", averagingSeconds: 60, tie: "up" },
    negRisk: false,
    takerHoldMs: 150 as Ms,
    tradable: true,
    reason: null,
    mirrorOf: null,
  };
}

/**
 * Decides as the policy does, if it is to be asked, and then wants something all the same: of the first `eager` windows it
 * is asked about.
 */
function wanting(policy: Policy, eager: () => number, isAsked: () => boolean): Policy {
  const { batch, decideEveryMs, name, needs, statesProbability } = policy;
  const wish = (nth: number) => nth >= eager() ? HOLD : nth % 2 === 0 ? WANT_UP : WANT_DOWN;
  let asked = 0;
  let at = NaN;
  return {
    ...{ decideEveryMs, name, needs, statesProbability },
    decide(view) {
      if (view.now !== at) [at, asked] = [view.now, 0];
      if (isAsked()) policy.decide(view);
      return wish(asked++);
    },
    ...(batch === undefined ? {} : {
      batch: {
        most: batch.most,
        decide(views, count, actions) {
          if (isAsked()) batch.decide(views, count, actions);
          for (let i = 0; i < count; i++) actions[i] = wish(i);
        },
      },
    }),
  };
}

const levels = (from: number, step: number): string =>
  Array.from(
    { length: LEVELS },
    (_, i) => `["${(from + step * i).toFixed(2)}","${(1 + i / 10).toFixed(3)}"]`,
  ).join();
/** Both sides of a fast book around some prices: made once, so that a pass leaves less for the collector. */
const SIDES = Array.from(
  { length: 11 },
  (_, i) => `"b":[${levels(91_000 + i, -0.1)}],"a":[${levels(91_000.1 + i, 0.1)}]}}`,
);

/** One stretch of rehearsal time. */
class Episode {
  private readonly instruments: readonly Instrument[];
  private readonly state = newBinanceState();
  private readonly sink = newSink();
  private readonly recorder: SessionRecorder;
  readonly port: RehearsalPort;
  private now = BEGIN_MS;
  private update = 1;
  private passes = 0;

  constructor(private readonly options: RehearsalOptions, signer: OrderSigner, isAsked: () => boolean) {
    const { engine, monotonicUs } = options;
    this.instruments = Array.from({ length: options.windows }, (_, i) => instrumentOf(i, BEGIN_MS));
    const clock = { now: () => this.now as Ms, monotonicUs };
    this.port = openRehearsalPort({
      signer,
      clock,
      apiKey: new Secret("00000000-0000-0000-0000-000000000000"),
      salt: saltSource(options.random),
      rehearse: options.rehearse,
    });
    this.recorder = new SessionRecorder({
      engine: {
        ...engine,
        policy: wanting(engine.policy, () => 1 + this.passes % 2, isAsked),
        decideEveryMs: STEP_MS,
        sizing: { mode: "fixed", amount: STAKE },
        bankroll: BANKROLL,
        limits: {
          ...engine.limits,
          stops: false,
          maxPositionPerMarket: BANKROLL,
          maxTotalExposure: BANKROLL,
        },
      },
      exchange: this.port,
      monotonicUs,
    });
    this.recorder.orderLog.measured = true;
    this.open();
  }

  get over(): boolean {
    return this.now - BEGIN_MS >= EPISODE_MS;
  }

  /** One frame of the fast market, one of the books, and what is decided and signed of it. */
  pass(): void {
    this.passes++;
    this.now += STEP_MS;
    const tReceive = this.now as Ms;
    this.frame(this.bookFrame(), (text) => decodeMarketFrame(text, tReceive, this.sink));
    this.frame(this.depthFrame(), (text) => {
      decodeBinanceFrame(text, "binance-futures", tReceive, this.state, this.sink);
    });
    if (this.passes % 5 === 0) this.recorder.frame([this.oracle()]);
  }

  private frame(text: string, decode: (text: string) => void): void {
    const receivedUs = this.options.monotonicUs();
    decode(text);
    const { events } = this.sink;
    this.sink.events = [];
    this.recorder.frame(events, receivedUs);
  }

  private open(): void {
    const at = { tExchange: this.now as Ms, tReceive: this.now as Ms };
    const events: MarketEvent[] = [
      { type: "feedState", feed: "polymarket.market", state: "live", detail: "", ...at },
      this.oracle(),
    ];
    for (const instrument of this.instruments) {
      const { conditionId, downToken, upToken } = instrument;
      events.push({ type: "window", instrument, ...at });
      events.push({
        ...{ type: "strike", conditionId, value: 91_000, exact: "91000" },
        ...{ source: "twap-print", basis: "chainlink", ...at },
      });
      for (const token of [upToken, downToken]) {
        events.push({
          type: "book",
          token,
          bids: [4_900, 5e9, 4_800, 9e9],
          asks: [5_100, 5e9, 5_200, 9e9],
          ...at,
        });
      }
    }
    this.recorder.frame(events);
  }

  private oracle(): MarketEvent {
    const at = { tExchange: this.now as Ms, tReceive: this.now as Ms };
    const value = 91_000 + this.passes % 7;
    return {
      type: "oraclePrice",
      asset: ASSET,
      kind: "spot",
      provider: "chainlink",
      value,
      exact: `${value}`,
      ...at,
    };
  }

  private bookFrame(): string {
    const size = 1_000 + this.passes % 50;
    const { downToken, upToken } = this.instruments[this.passes % this.instruments.length]!;
    const rows = [upToken, downToken].map((token) =>
      `{"asset_id":"${token}","price":"0.48","size":"${size}","side":"BUY","hash":"","best_bid":"0.49","best_ask":"0.51"}`
    );
    return `{"market":"0x01","price_changes":[${rows.join()}],"timestamp":"${this.now}","event_type":"price_change"}`;
  }

  private depthFrame(): string {
    const [first, last] = [this.update, this.update += 3];
    return `{"stream":"btcusdt@depth20@100ms","data":{"e":"depthUpdate","E":${this.now},"T":${this.now},"s":"BTCUSDT",` +
      `"U":${first + 1},"u":${last},"pu":${first},${SIDES[this.passes % SIDES.length]}`;
  }
}

/** See the file's comment. Made by `openRehearsal()`. */
export class Rehearsal {
  private episode: Episode;
  private before = 0;
  private passes = 0;
  private long = 0;
  /** The policy takes part; false once it turned out too slow for that. */
  asksPolicy = true;

  constructor(private readonly options: RehearsalOptions, private readonly signer: OrderSigner) {
    this.episode = this.begin();
  }

  private begin(): Episode {
    return new Episode(this.options, this.signer, () => this.asksPolicy);
  }

  /** Orders that were made ready to leave. */
  get orders(): number {
    return this.before + this.episode.port.prepared;
  }

  /** One pass. */
  pass(): void {
    if (this.episode.over) {
      this.before += this.episode.port.prepared;
      this.episode.port.close();
      this.episode = this.begin();
    }
    const { monotonicUs } = this.options;
    const from = monotonicUs();
    this.episode.pass();
    this.judge(monotonicUs() - from);
  }

  private judge(tookUs: number): void {
    if (tookUs > MOST_US) this.long++;
    if (++this.passes < JUDGED_PASSES) return;
    if (this.long > JUDGED_PASSES / 2) this.asksPolicy = false;
    this.passes = this.long = 0;
  }

  /** `count` passes, with the event loop free in between. Rejects with the signal's reason as soon as it is aborted. */
  async run(count: number, signal?: AbortSignal): Promise<void> {
    for (let i = 0; i < count; i++) {
      signal?.throwIfAborted();
      this.pass();
      await new Promise((next) => setImmediate(next));
    }
  }

  close(): void {
    this.episode.port.close();
    this.signer.close();
  }
}

/** Opens it with a key that is made here and thrown away. */
export async function openRehearsal(options: RehearsalOptions): Promise<Rehearsal> {
  const { curve, random, signatureType } = options;
  const pair = newKey(random);
  const account = accountOf({ key: pair.address, signatureType: `${signatureType}` });
  const signer = await openSigner({ account, key: pair.key, random, curve });
  return new Rehearsal(options, signer);
}

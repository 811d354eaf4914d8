/**
 * The configuration: every key, its type, its default. Money is a decimal string in pUSD ("12.5"), durations end in
 * `Ms`, fractions are 0..1. Unknown keys are errors, so a misspelt limit can never be silently ignored.
 */
import { z } from "zod";
import { type FeedName, FEEDS } from "../../core/events.ts";
import { END_RULES } from "../../core/exchange/end_of_window.ts";
import { IMPACT_NAMES } from "../../core/exchange/impact.ts";
import { parseQuantiles } from "../../core/exchange/latency.ts";
import { QUEUE_NAMES } from "../../core/exchange/queue.ts";
import { ASSETS, DURATIONS } from "../../core/market/instrument.ts";
import { TIER_NAMES } from "../../core/orders/buckets.ts";
import { parseDecimal } from "../../core/units.ts";

/** A non-negative pUSD amount. TOML numbers are taken too and kept as their decimal text. */
const money = (fallback: string) =>
  z.union([z.string(), z.number()]).transform(String).pipe(
    z.string().refine((text) => parseDecimal(text, 6) >= 0, {
      error: "must be a decimal amount of pUSD, zero or more, with at most six digits after the point",
    }),
  ).default(fallback);

const fraction = (fallback: number) => z.number().min(0).max(1).default(fallback);
const wholeMs = (fallback: number) => z.int().min(0).max(86_400_000).default(fallback);
const listOf = <T extends string>(values: readonly [T, ...T[]], fallback: T) =>
  z.array(z.enum(values)).min(1).default([fallback]);

/** Text of `--venue` and `venue =`: see `parseVenue` in `commands/venue.ts` for what each form means. */
const VENUE_PATTERN = /^(polymarket|sim|sim:\d{1,5}|http:\/\/[^\s/]+\/?)$/;
const PROXY_PATTERN = /^(https?|socks5h?):\/\/[^\s/]+\/?$/;

const strategySection = z.strictObject({
  name: z.string().min(1).default("fair-value"),
  /** Parameters of the strategy itself; the strategy checks the names. */
  params: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])).default({}),
});

const sizingSection = z.strictObject({
  mode: z.enum(["fixed", "fraction", "kelly"]).default("fixed"),
  usdc: money("25"),
  fraction: fraction(0.02),
  kellyFraction: fraction(0.25),
});

const riskSection = z.strictObject({
  maxPositionPerMarketUsdc: money("500"),
  maxTotalExposureUsdc: money("2000"),
  maxTradeFraction: fraction(0.10),
  maxDrawdownFraction: fraction(0.10),
  maxConsecutiveLosses: z.int().min(1).max(1000).default(5),
  maxSignalAgeMs: wholeMs(200),
  blackoutBeforeEndMs: wholeMs(10_000),
  minNotionalUsdc: money("1"),
  maxBookAgeMs: wholeMs(5000),
  maxFastAgeMs: wholeMs(5000),
  maxOracleAgeMs: wholeMs(10_000),
  orderMaxAgeMs: wholeMs(1000),
});

/** A recorded latency as `q:ms` texts; empty: the constant beside it is used. */
const quantiles = z.array(z.string()).refine((texts) => {
  try {
    return texts.length === 0 || parseQuantiles(texts).length > 0;
  } catch {
    return false;
  }
}, {
  error: 'must be quantiles q:ms that rise from 0 to 1, for example ["0:20", "0.5:45", "0.99:180", "1:400"]',
})
  .default([]);
/** Times with a zone, for example 2026-11-24T12:00:00Z. */
const times = z.array(z.iso.datetime({ offset: true })).default([]);

/** The units of the exchange model: docs/exchange_model.md. */
const paperSection = z.strictObject({
  bankrollUsdc: money("1000"),
  feedLatencyMs: wholeMs(0),
  orderLatencyMs: wholeMs(50),
  responseLatencyMs: wholeMs(50),
  feedLatencyQuantiles: quantiles,
  orderLatencyQuantiles: quantiles,
  responseLatencyQuantiles: quantiles,
  takerHoldMs: wholeMs(150),
  queue: z.enum(QUEUE_NAMES).default("lastInQueue"),
  impact: z.enum(IMPACT_NAMES).default("untilSnapshot"),
  settlementMs: wholeMs(0),
  settlementFailureRate: fraction(0),
  restarts: times,
  endOfWindow: z.enum(END_RULES).default("cancelAtEnd"),
  /** Seed of drawn latencies and settlement failures. */
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1),
});

/** Data age in ms after which a feed counts as late. One key per feed of `FEEDS`. */
const feedsSection = z.strictObject({
  polymarketMarketMaxAgeMs: wholeMs(15_000),
  polymarketPricesMaxAgeMs: wholeMs(10_000),
  binanceFuturesPublicMaxAgeMs: wholeMs(5000),
  binanceFuturesMarketMaxAgeMs: wholeMs(10_000),
  binanceSpotMaxAgeMs: wholeMs(10_000),
  deribitMaxAgeMs: wholeMs(60_000),
  /** Feeds that keep two sockets open at once; the first copy of a message wins. */
  hotSpare: z.array(z.enum(FEEDS)).default([]),
  /** Futures books from the diff stream and REST snapshots in place of depth20. */
  diffBook: z.boolean().default(false),
  /** The legacy price socket (RTDS) in place of PolyBolt; needs no credentials, announced for removal. */
  legacyRtds: z.boolean().default(false),
});

/** Which wallet trades. */
const accountSection = z.strictObject({
  /** File name of the keystore, without .json. */
  key: z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, { error: "must be 1 to 40 letters, digits, - or _" })
    .default("default"),
  /** Address of the wallet that holds the funds; empty: derived from the key. */
  funder: z.string().default(""),
  /** 0 EOA, 1 proxy, 2 Safe, 3 deposit wallet; empty: the kind that fits the funder, else 3. */
  signatureType: z.union([z.string(), z.number()]).transform(String).pipe(
    z.enum(["", "0", "1", "2", "3"]),
  ).default(""),
  /** The venue's rate-limit tier of the key: how many orders and cancels a second it lets through. */
  tier: z.enum(TIER_NAMES).default("standard"),
});

/** What sets the latch by itself while trading live. */
const killSection = z.strictObject({
  maxApiErrorsPerMinute: z.int().min(0).max(10_000).default(10),
  maxLatencyMs: wholeMs(500),
  /** Orders whose median latency is judged. */
  latencySamples: z.int().min(1).max(1000).default(20),
  maxUnrealisedLossUsdc: money("200"),
  maxDrawdownFraction: fraction(0.10),
});

/** What is measured, what it is judged by, and what is done about it: docs/latency.md. Times in ms. */
const latencySection = z.strictObject({
  /** Stamp every stage of every event. */
  stages: z.boolean().default(true),
  /** `latency-probe` says go below this p95 from tick to acknowledged order. */
  goMs: wholeMs(150),
  /** And no-go above this. */
  noGoMs: wholeMs(300),
  /** A measured latency above this: purchases are skipped, or widened. */
  spikeMs: wholeMs(100),
  /** Ticks a purchase stays behind the price it saw while latency is above `spikeMs`; 0: it is skipped. */
  widenTicks: z.int().min(0).max(100).default(0),
  /** A measured latency above this for `pauseAfterMs` sets the latch. */
  pauseMs: wholeMs(500),
  pauseAfterMs: wholeMs(5_000),
  /** Live: the way of an order is rehearsed this often in idle moments, so that it is warm; 0: never. */
  rehearseEveryMs: z.int().min(0).max(1_000).default(2),
  /** Live: orders are signed ahead for the prices around the best ones. */
  signAhead: z.boolean().default(true),
});

const doctorSection = z.strictObject({
  /** How long a pass of `doctor` arms live trading. */
  maxAgeMs: wholeMs(86_400_000),
});

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const isHttp = (text: string): boolean => /^https?:\/\/\S+$/.test(text) && URL.canParse(text);

/** How Polygon is asked, and what is paid for gas. */
const chainSection = z.strictObject({
  /** JSON-RPC endpoints, asked in this order; empty: network.polygonRpc, else the venue's own. */
  rpc: z.array(z.string().refine(isHttp, { error: "must be http or https URLs" })).default([]),
  /** Wall time for one call to one endpoint. */
  deadlineMs: z.int().min(100).max(60_000).default(5000),
  maxBlockAgeMs: wholeMs(60_000),
  confirmations: z.int().min(1).max(200).default(3),
  maxFeeGwei: z.number().min(1).max(100_000).default(500),
  minTipGwei: z.number().min(0).max(10_000).default(30),
  stuckAfterMs: wholeMs(45_000),
  giveUpMs: wholeMs(300_000),
});

const cashoutSection = z.strictObject({
  /** Destinations that `cashout` may pay; empty: any, with a confirmation at the first use. */
  allow: z.array(z.string().regex(ADDRESS, { error: "must be addresses: 0x and 40 hex digits" })).default([]),
});

/** What may be watched from outside: addresses such as `:9090`, loopback unless `expose`. */
const monitorSection = z.strictObject({
  /** Prometheus metrics; empty: none. */
  metrics: z.string().default(""),
  /** Dashboard page; empty: none. */
  dashboard: z.string().default(""),
  /** Allows addresses that other machines can reach. */
  expose: z.boolean().default(false),
  /** Further host names that requests may carry. */
  hosts: z.array(z.string()).default([]),
  /** Log of a trainer that the dashboard shows; empty: none. */
  training: z.string().default(""),
});

const logSection = z.strictObject({
  level: z.enum(["debug", "info", "warn", "error", "off"]).default("info"),
  /** Path of an extra log file (JSON lines); empty: none. */
  file: z.string().default(""),
});

const networkSection = z.strictObject({
  /** Proxy URL for sockets and HTTP; empty: none. */
  proxy: z.string().refine((text) => text === "" || PROXY_PATTERN.test(text) && URL.canParse(text), {
    error: "must be http://host:port, https://host:port or socks5://host:port",
  }).default(""),
  /** JSON-RPC endpoint of Polygon; empty: the venue's own. */
  polygonRpc: z.string().refine(
    (text) => text === "" || /^https?:\/\/\S+$/.test(text) && URL.canParse(text),
    {
      error: "must be an http or https URL",
    },
  ).default(""),
});

export const configSchema = z.strictObject({
  venue: z.string().regex(VENUE_PATTERN, {
    error: "must be polymarket, sim, sim:PORT or http://host:port",
  }).default("polymarket"),
  /** Data folder; empty: the platform's user data folder. */
  data: z.string().default(""),
  assets: listOf(ASSETS, "btc"),
  durations: listOf(DURATIONS, "5m"),
  strategy: strategySection.prefault({}),
  sizing: sizingSection.prefault({}),
  risk: riskSection.prefault({}),
  paper: paperSection.prefault({}),
  /** Allows `trade --live`, together with everything else that arming asks for. */
  live: z.boolean().default(false),
  account: accountSection.prefault({}),
  kill: killSection.prefault({}),
  latency: latencySection.prefault({}),
  doctor: doctorSection.prefault({}),
  chain: chainSection.prefault({}),
  cashout: cashoutSection.prefault({}),
  feeds: feedsSection.prefault({}),
  monitor: monitorSection.prefault({}),
  log: logSection.prefault({}),
  network: networkSection.prefault({}),
});

type DeepReadonly<T> = T extends readonly (infer Item)[] ? readonly Item[]
  : T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
  : T;

/** The checked configuration of one run. */
export type Config = DeepReadonly<z.infer<typeof configSchema>>;
export type LogLevel = Config["log"]["level"];

/** A fresh configuration of defaults only. */
export const defaultConfig = (): Config => configSchema.parse({});

const FEED_AGE_KEY = {
  "polymarket.market": "polymarketMarketMaxAgeMs",
  "polymarket.prices": "polymarketPricesMaxAgeMs",
  "binance.futures.public": "binanceFuturesPublicMaxAgeMs",
  "binance.futures.market": "binanceFuturesMarketMaxAgeMs",
  "binance.spot": "binanceSpotMaxAgeMs",
  "deribit": "deribitMaxAgeMs",
} as const satisfies Readonly<Record<FeedName, keyof Config["feeds"]>>;

/** Data age in ms after which `feed` counts as late under `config`. */
export const feedMaxAgeMs = (config: Config, feed: FeedName): number => config.feeds[FEED_AGE_KEY[feed]];

/** Gamma listings: one event or market by slug to an Instrument. Shapes: polymarket dossier 2.3, 2.4 (2026-03..10). */
import { z } from "zod";
import type { FeeSchedule, Instrument, MarketVersion, Outcome } from "../../core/market/instrument.ts";
import { type ParsedSlug, parseSlug } from "../../core/market/window.ts";
import { type Ms, ms, parseDecimal, type Price, PRICE_SCALE, type Shares } from "../../core/units.ts";
import { type HttpCall, type HttpClient, HttpError } from "../net/http.ts";
import { parseRule } from "./rule.ts";

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((v) => v ?? undefined);

/** `"[\"Up\", \"Down\"]"`: a string that holds JSON (parse twice), or already an array. */
const stringArray = z.union([z.array(z.string()), z.string()]).transform((value, context): string[] => {
  if (Array.isArray(value)) return value;
  try {
    const parsed = z.array(z.string()).safeParse(JSON.parse(value));
    if (parsed.success) return parsed.data;
  } catch {
    // reported below
  }
  context.addIssue({ code: "custom", message: "not a list of strings" });
  return z.NEVER;
});

const feeSchema = z.object({
  rate: z.number().min(0).max(1),
  exponent: z.number().min(0).max(10),
  takerOnly: optional(z.boolean()),
  rebateRate: optional(z.number().min(0).max(1)),
});

const eventSchema = z.object({
  startTime: optional(z.string()),
  eventMetadata: optional(
    z.object({ priceToBeat: optional(z.number().positive()), finalPrice: optional(z.number().positive()) }),
  ),
});

type GammaEvent = z.infer<typeof eventSchema>;

const marketSchema = z.object({
  slug: z.string(),
  conditionId: z.string().regex(/^0x(?:[0-9a-fA-F]{62}|[0-9a-fA-F]{64})$/),
  version: optional(z.string()),
  outcomes: stringArray,
  outcomePrices: optional(stringArray),
  clobTokenIds: optional(stringArray),
  positionIds: optional(stringArray),
  eventStartTime: optional(z.string()),
  endDate: optional(z.string()),
  active: optional(z.boolean()),
  closed: optional(z.boolean()),
  acceptingOrders: optional(z.boolean()),
  enableOrderBook: optional(z.boolean()),
  negRisk: optional(z.boolean()),
  orderPriceMinTickSize: optional(z.number()),
  orderMinSize: optional(z.number()),
  feesEnabled: optional(z.boolean()),
  feeSchedule: optional(feeSchema),
  cryptoMarketConfig: optional(z.object({
    asset: optional(z.string()),
    duration: optional(z.string()),
    twapEnabled: optional(z.boolean()),
    twapLookbackSeconds: optional(z.number()),
  })),
  resolutionSource: optional(z.string()),
  description: optional(z.string()),
  events: optional(z.array(eventSchema)),
});
type GammaMarket = z.infer<typeof marketSchema>;

/** A listing as we need it: the instrument, and what Gamma says of strike and outcome (both late, dossier 2.6, 2.7). */
export interface Listing {
  readonly instrument: Instrument;
  readonly priceToBeat: number | null;
  readonly finalPrice: number | null;
  /** Set once the market is closed with prices 1 and 0. */
  readonly winner: Outcome | null;
}
export type ListingResult =
  | { readonly kind: "found"; readonly listing: Listing }
  | { readonly kind: "missing" }
  | { readonly kind: "invalid"; readonly reason: string };

/** A JSON number of the venue to an integer with implied decimals; NaN when it has more digits than that. */
export const scaleNumber = (value: number | undefined, decimals: number): number =>
  value === undefined ? NaN : parseDecimal(String(value), decimals);

/** Fee schedule in parts per million; null when it is absent or not understood. `feesEnabled:false` means free. */
export function feeOf(
  schedule: {
    rate: number;
    exponent: number;
    takerOnly?: boolean | undefined;
    rebateRate?: number | undefined;
  },
): FeeSchedule {
  return {
    ratePpm: Math.round(schedule.rate * 1e6),
    exponent: schedule.exponent,
    takerOnly: schedule.takerOnly ?? true,
    rebatePpm: Math.round((schedule.rebateRate ?? 0) * 1e6),
  };
}

function gammaFee(market: GammaMarket): FeeSchedule | null {
  if (market.feesEnabled === false) return { ratePpm: 0, exponent: 1, takerOnly: true, rebatePpm: 0 };
  return market.feeSchedule === undefined ? null : feeOf(market.feeSchedule);
}

function versionOf(text: string | undefined): MarketVersion {
  return text === "v1" || text === "v2" ? text : "unknown";
}

/** The first reason why the listing may not be traded, or null. Codes are listed in docs/codes.md. */
export function tradeGateReason(
  flags: {
    readonly active: boolean | undefined;
    readonly closed: boolean | undefined;
    readonly acceptingOrders: boolean | undefined;
    readonly enableOrderBook: boolean | undefined;
  },
  instrument: Pick<Instrument, "version" | "rule" | "fee">,
): string | null {
  if (flags.closed === true) return "MARKET_CLOSED";
  if (flags.active !== true) return "MARKET_INACTIVE";
  if (flags.enableOrderBook !== true) return "BOOK_DISABLED";
  if (flags.acceptingOrders !== true) return "NOT_ACCEPTING_ORDERS";
  if (instrument.version === "unknown") return "VERSION_UNKNOWN";
  if (instrument.rule.kind === "unknown") return "RULE_UNKNOWN";
  if (instrument.fee === null) return "FEE_UNKNOWN";
  return null;
}

const invalid = (reason: string): ListingResult => ({ kind: "invalid", reason });

function winnerOf(market: GammaMarket, up: number): Outcome | null {
  const prices = market.outcomePrices;
  if (market.closed !== true || prices === undefined || prices.length !== 2) return null;
  const upPrice = Number(prices[up]);
  const downPrice = Number(prices[1 - up]);
  if (upPrice === 1 && downPrice === 0) return "up";
  return upPrice === 0 && downPrice === 1 ? "down" : null;
}

interface OutcomeTokens {
  /** Index of Up in the market's arrays. */
  readonly up: number;
  readonly upToken: string;
  readonly downToken: string;
}

/** The two outcome tokens, Up found by its label; text says what is wrong. */
function tokensOf(market: GammaMarket, version: MarketVersion): OutcomeTokens | string {
  const labels = market.outcomes.map((label) => label.toLowerCase());
  const up = labels.indexOf("up");
  if (labels.length !== 2 || up < 0 || labels[1 - up] !== "down") return `outcomes ${labels.join(",")}`;
  // 35% of open v1 markets carry position ids too, and have no book under them (dossier 2.4).
  const ids = version === "v2" ? market.positionIds : market.clobTokenIds;
  const upToken = ids?.[up];
  const downToken = ids?.[1 - up];
  if (upToken === undefined || downToken === undefined || ids?.length !== 2) return "no token ids";
  const decimal = /^\d{1,78}$/;
  if (!decimal.test(upToken) || !decimal.test(downToken) || upToken === downToken) return "bad token ids";
  return { up, upToken, downToken };
}

/** Start and end as listed must be the slug's own; text says how they differ. */
function timesDisagree(
  market: GammaMarket,
  event: GammaEvent | undefined,
  window: ParsedSlug,
): string | null {
  const start = Date.parse(market.eventStartTime ?? market.events?.[0]?.startTime ?? event?.startTime ?? "");
  const end = Date.parse(market.endDate ?? "");
  if (start === window.startMs && end === window.endMs) return null;
  return `listed times ${start}..${end} are not the slug's ${window.startMs}..${window.endMs}`;
}

/** Reads one market object; `event` is the one it came in, which may know start and strike. */
export function parseListing(raw: unknown, slug: string, event?: unknown): ListingResult {
  const parsed = marketSchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return invalid(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
  }
  const market = parsed.data;
  const window = parseSlug(slug);
  if (window === null || market.slug !== slug) return invalid(`slug ${market.slug} is not ${slug}`);
  const outer = eventSchema.safeParse(event ?? {}).data;
  const wrongTimes = timesDisagree(market, outer, window);
  if (wrongTimes !== null) return invalid(wrongTimes);
  const version = versionOf(market.version);
  const tokens = tokensOf(market, version);
  if (typeof tokens === "string") return invalid(tokens);
  const tick = scaleNumber(market.orderPriceMinTickSize, 4);
  const minSize = scaleNumber(market.orderMinSize, 6);
  if (!(tick > 0 && tick < PRICE_SCALE)) return invalid(`tick ${market.orderPriceMinTickSize}`);
  if (!(minSize >= 0)) return invalid(`minimum size ${market.orderMinSize}`);
  const { cryptoMarketConfig: config, description, resolutionSource } = market;
  const rule = parseRule({ config, resolutionSource, description }, window);
  const fee = gammaFee(market);
  const reason = tradeGateReason(market, { version, rule, fee });
  const metadata = outer?.eventMetadata ?? market.events?.[0]?.eventMetadata;
  return {
    kind: "found",
    listing: {
      instrument: {
        slug,
        asset: window.asset,
        duration: window.duration,
        conditionId: market.conditionId,
        version,
        upToken: tokens.upToken,
        downToken: tokens.downToken,
        startMs: window.startMs,
        endMs: window.endMs,
        tick: tick as Price,
        minSize: minSize as Shares,
        fee,
        rule,
        negRisk: market.negRisk ?? false,
        takerHoldMs: ms(0),
        tradable: reason === null,
        reason,
        mirrorOf: null,
      },
      priceToBeat: metadata?.priceToBeat ?? null,
      finalPrice: metadata?.finalPrice ?? null,
      winner: winnerOf(market, tokens.up),
    },
  };
}

const markets = z.object({ markets: z.array(z.unknown()) });
const slugOf = z.object({ slug: z.string() });

/** Reads `/events/slug/{slug}`: the market of that slug inside the event. */
export function parseEvent(raw: unknown, slug: string): ListingResult {
  const parsed = markets.safeParse(raw);
  if (!parsed.success) return invalid("the event has no markets");
  const market = parsed.data.markets.find((m) => slugOf.safeParse(m).data?.slug === slug);
  return market === undefined
    ? invalid("the event has no market of its slug")
    : parseListing(market, slug, raw);
}

/**
 * One window's listing. Asks for the event, then for the market when the event is missing or unreadable. Gamma is cached
 * for 300 s behind Cloudflare; an unused query parameter that changes busts it (dossier 2.3). Throws HttpError except 404.
 */
export async function fetchListing(
  http: HttpClient,
  gamma: string,
  slug: string,
  now: Ms,
  call: HttpCall = {},
): Promise<ListingResult> {
  const path = (kind: string) => `${gamma}/${kind}/slug/${slug}?_=${now}`;
  const get = async (kind: string, parse: (raw: unknown, slug: string) => ListingResult) => {
    try {
      return parse(await http.get(path(kind), call), slug);
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return { kind: "missing" } as const;
      throw error;
    }
  };
  const event = await get("events", parseEvent);
  if (event.kind === "found") return event;
  const market = await get("markets", (raw, s) => parseListing(raw, s));
  return market.kind === "missing" ? event : market;
}

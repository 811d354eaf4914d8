/**
 * Request budgets: per signer (orders, cancels) and per address (routes of the edge), as token buckets over plain data with
 * time passed in. Where two published numbers differ the lower one is the budget. Discretionary requests leave enough for
 * one cancel-all of the open orders, whose cost is 1 + the orders it cancels; a cancel-all itself is never refused.
 * Figures: rate-limit page of 2026-07-25..09 and announcement of 2026-07-24; a live audit of 2026-10 quoted 50 cancels/s.
 */
import { invariant } from "../errors.ts";
import type { Ms } from "../units.ts";

/** Tokens per second and at most. Integers. */
export interface BucketLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export interface SignerLimits {
  readonly orders: BucketLimit;
  readonly cancels: BucketLimit;
}

/** Standard tier: 40/s burst 60; cancels announced as 80/s burst 120, quoted live as 50/s. */
export const STANDARD_SIGNER: SignerLimits = {
  orders: { perSecond: 40, burst: 60 },
  cancels: { perSecond: 50, burst: 120 },
};

/**
 * Tiers by the volume of 30 days, as announced: Copper 30,000 $, Bronze 50,000, Silver 100,000, Gold 500,000, Platinum 2.5
 * million, Diamond and Elite more. The live audit that quoted 50 cancels/s quoted 60 orders/s with them, which is Copper's
 * figure: there, too, the lower number counts. Names as in the venue's header `Poly-RateLimit-Tier`, lower case.
 */
export const SIGNER_TIERS = {
  standard: STANDARD_SIGNER,
  copper: { orders: { perSecond: 60, burst: 90 }, cancels: { perSecond: 50, burst: 180 } },
  bronze: { orders: { perSecond: 80, burst: 120 }, cancels: { perSecond: 160, burst: 240 } },
  silver: { orders: { perSecond: 200, burst: 300 }, cancels: { perSecond: 400, burst: 600 } },
  gold: { orders: { perSecond: 400, burst: 600 }, cancels: { perSecond: 800, burst: 1_200 } },
  platinum: { orders: { perSecond: 450, burst: 675 }, cancels: { perSecond: 900, burst: 1_350 } },
  diamond: { orders: { perSecond: 525, burst: 787 }, cancels: { perSecond: 1_050, burst: 1_575 } },
  elite: { orders: { perSecond: 600, burst: 900 }, cancels: { perSecond: 1_200, burst: 1_800 } },
} as const satisfies Record<string, SignerLimits>;
export type SignerTier = keyof typeof SIGNER_TIERS;
export const TIER_NAMES = Object.keys(SIGNER_TIERS) as readonly SignerTier[];

/** At most `limit` requests in any `windowMs`. */
export interface WindowLimit {
  readonly limit: number;
  readonly windowMs: number;
}

const TEN_SECONDS = 10_000;
const TEN_MINUTES = 600_000;
const per = (burst: number, sustained?: number): readonly WindowLimit[] => [
  { limit: burst, windowMs: TEN_SECONDS },
  ...(sustained === undefined ? [] : [{ limit: sustained, windowMs: TEN_MINUTES }]),
];

/** Budgets of the address. Every request also counts in `clob` and `everything`. */
export const ADDRESS_LIMITS = {
  everything: per(15_000),
  clob: per(9_000),
  postOrder: per(5_000, 120_000),
  postOrders: per(2_000, 21_000),
  deleteOrder: per(5_000, 120_000),
  deleteOrders: per(2_000, 15_000),
  cancelAll: per(250, 6_000),
  cancelMarket: per(1_500, 21_000),
  data: per(500),
} as const satisfies Record<string, readonly WindowLimit[]>;
export type AddressScope = keyof typeof ADDRESS_LIMITS;

/** A request that wants to leave. `orders`: how many orders it carries, cancels, or asks about. */
export interface BudgetRequest {
  readonly route: Exclude<AddressScope, "everything" | "clob">;
  readonly orders: number;
}

/** Thousandths of a token, so that refilling stays integer. */
interface Bucket {
  readonly milli: number;
  readonly at: number;
}

interface Rate {
  /** Thousandths of a token a millisecond: tokens a second. */
  readonly perMs: number;
  readonly capacity: number;
}

/** All budgets of one signer behind one address. Immutable: every function returns the next one. */
export interface Budgets {
  readonly signer: SignerLimits;
  readonly buckets: ReadonlyMap<string, Bucket>;
  /** No order, or no cancel, before this time: the venue said so. */
  readonly blockedUntil: { readonly orders: number; readonly cancels: number };
}

export type BudgetVerdict =
  | { readonly ok: true; readonly overdrawn: boolean }
  /** `waitMs` null: it can never pass with so many orders open. */
  | { readonly ok: false; readonly waitMs: number | null; readonly bucket: string };

/** The reply to a request: the next budgets and whether it may leave. */
export interface BudgetStep {
  readonly budgets: Budgets;
  readonly verdict: BudgetVerdict;
}

const signerRate = ({ perSecond, burst }: BucketLimit): Rate => ({
  perMs: perSecond,
  capacity: burst * 1_000,
});

/** Half as capacity, half as refill: then no window of that length ever sees more than the limit. */
const windowRate = ({ limit, windowMs }: WindowLimit): Rate => ({
  perMs: Math.floor(limit * 500 / windowMs),
  capacity: Math.floor(limit / 2) * 1_000,
});

const addressRates: ReadonlyMap<string, Rate> = new Map(
  Object.entries(ADDRESS_LIMITS).flatMap(([scope, limits]) =>
    limits.map((limit) => [`${scope}/${limit.windowMs}`, windowRate(limit)] as const)
  ),
);

const rateOf = (signer: SignerLimits, name: string): Rate =>
  name === "orders" || name === "cancels" ? signerRate(signer[name]) : addressRates.get(name)!;

/** Full buckets. */
export const newBudgets = (signer: SignerLimits = STANDARD_SIGNER): Budgets => ({
  signer,
  buckets: new Map(),
  blockedUntil: { orders: -Infinity, cancels: -Infinity },
});

function filled(budgets: Budgets, name: string, now: Ms): Bucket {
  const { perMs, capacity } = rateOf(budgets.signer, name);
  const bucket = budgets.buckets.get(name);
  if (bucket === undefined) return { milli: capacity, at: now };
  // A clock that steps back gives nothing.
  const elapsed = Math.max(0, now - bucket.at);
  return { milli: Math.min(capacity, bucket.milli + elapsed * perMs), at: Math.max(now, bucket.at) };
}

/** Whole tokens left; may be negative. */
export const tokensOf = (budgets: Budgets, name: "orders" | "cancels", now: Ms): number =>
  Math.floor(filled(budgets, name, now).milli / 1_000);

interface Charge {
  readonly name: string;
  readonly cost: number;
  /** What must be left after it. */
  readonly keep: number;
}

/** Cancelling everything: one request and one token for each order. */
export const cancelAllCost = (openOrders: number): number => 1 + openOrders;

/** What a request of each route costs at the edge. The cancel-all itself needs one request everywhere it counts. */
const EDGE = Object.fromEntries(
  (Object.keys(ADDRESS_LIMITS) as AddressScope[]).map((route) => {
    const keep = route === "cancelAll" ? 0 : 1;
    const scope = (name: AddressScope, kept: number): Charge[] =>
      ADDRESS_LIMITS[name].map(({ windowMs }) => ({ name: `${name}/${windowMs}`, cost: 1, keep: kept }));
    return [route, [...scope("everything", keep), ...scope("clob", keep), ...scope(route, 0)]];
  }),
) as unknown as Readonly<Record<BudgetRequest["route"], readonly Charge[]>>;

/** What it costs the signer, beside the edge. */
function chargesOf({ route, orders }: BudgetRequest, open: number): readonly Charge[] {
  switch (route) {
    case "postOrder":
    case "postOrders":
      return [
        { name: "orders", cost: orders, keep: 0 },
        // Costs no cancel; but after it there are more orders to cancel.
        { name: "cancels", cost: 0, keep: cancelAllCost(open + orders) },
      ];
    case "deleteOrder":
    case "deleteOrders":
      return [{ name: "cancels", cost: orders, keep: cancelAllCost(open) }];
    case "cancelMarket":
      return [{ name: "cancels", cost: cancelAllCost(orders), keep: cancelAllCost(open) }];
    case "cancelAll":
      return [{ name: "cancels", cost: cancelAllCost(open), keep: 0 }];
    case "data":
      return [];
  }
}

const isCancel = (route: BudgetRequest["route"]): boolean =>
  route === "deleteOrder" || route === "deleteOrders" || route === "cancelMarket" || route === "cancelAll";

const isOrder = (route: BudgetRequest["route"]): boolean => route === "postOrder" || route === "postOrders";

/** Milliseconds until a bucket has `need` tokens; null when it never holds that many. */
function waitFor(budgets: Budgets, name: string, need: number, now: Ms): number | null {
  const { perMs, capacity } = rateOf(budgets.signer, name);
  const short = need * 1_000 - filled(budgets, name, now).milli;
  if (short <= 0) return 0;
  return need * 1_000 > capacity ? null : Math.ceil(short / perMs);
}

interface Shortage {
  readonly waitMs: number | null;
  readonly bucket: string;
}

/** The worse of what is known and what these charges lack. */
function shortageOf(
  budgets: Budgets,
  charges: readonly Charge[],
  now: Ms,
  known: Shortage | null,
): Shortage | null {
  let worst = known;
  for (const { name, cost, keep } of charges) {
    const waitMs = waitFor(budgets, name, cost + keep, now);
    if (waitMs === 0) continue;
    if (worst === null || waitMs === null || worst.waitMs !== null && waitMs > worst.waitMs) {
      worst = { waitMs, bucket: name };
    }
  }
  return worst;
}

function lacking(
  budgets: Budgets,
  request: BudgetRequest,
  charges: readonly Charge[],
  now: Ms,
): Shortage | null {
  const { blockedUntil } = budgets;
  const { route } = request;
  const until = isOrder(route) ? blockedUntil.orders : isCancel(route) ? blockedUntil.cancels : -Infinity;
  const blocked = until > now ? { waitMs: until - now, bucket: "venue" } : null;
  return shortageOf(budgets, EDGE[route], now, shortageOf(budgets, charges, now, blocked));
}

/** Whether a request might leave now, and takes nothing; as `takeBudget()` would say. */
export function checkBudget(
  budgets: Budgets,
  request: BudgetRequest,
  openOrders: number,
  now: Ms,
): BudgetVerdict {
  invariant(request.orders >= 0 && openOrders >= 0, "counts of orders are not negative");
  const worst = lacking(budgets, request, chargesOf(request, openOrders), now);
  return worst !== null && request.route !== "cancelAll"
    ? { ok: false, ...worst }
    : { ok: true, overdrawn: worst !== null };
}

/**
 * Asks for one request's tokens, all or nothing. `openOrders` are those that a cancel-all would have to cancel now (not
 * counting the orders of this request). Refused requests change nothing. A cancel-all always passes; `overdrawn` says that
 * the venue may refuse it.
 */
export function takeBudget(
  budgets: Budgets,
  request: BudgetRequest,
  openOrders: number,
  now: Ms,
): BudgetStep {
  const verdict = checkBudget(budgets, request, openOrders, now);
  if (!verdict.ok) return { budgets, verdict };
  const buckets = new Map(budgets.buckets);
  for (const charges of [chargesOf(request, openOrders), EDGE[request.route]]) {
    for (const { name, cost } of charges) {
      const bucket = filled(budgets, name, now);
      buckets.set(name, { ...bucket, milli: bucket.milli - cost * 1_000 });
    }
  }
  return { budgets: { ...budgets, buckets }, verdict };
}

/** What an answer's headers say of the signer's bucket: `Poly-RateLimit-Remaining`, `Retry-After` (in ms here). */
export interface BudgetHeaders {
  readonly kind: "orders" | "cancels";
  readonly remaining?: number;
  readonly retryAfterMs?: number;
}

/** Takes the lower of our count and the venue's, and waits as long as the venue wants. */
export function observeBudget(budgets: Budgets, headers: BudgetHeaders, now: Ms): Budgets {
  const { kind, remaining, retryAfterMs } = headers;
  const buckets = new Map(budgets.buckets);
  if (remaining !== undefined && Number.isSafeInteger(remaining)) {
    const bucket = filled(budgets, kind, now);
    buckets.set(kind, { ...bucket, milli: Math.min(bucket.milli, remaining * 1_000) });
  }
  const until = retryAfterMs === undefined || !(retryAfterMs > 0)
    ? budgets.blockedUntil[kind]
    : Math.max(budgets.blockedUntil[kind], now + retryAfterMs);
  return { ...budgets, buckets, blockedUntil: { ...budgets.blockedUntil, [kind]: until } };
}

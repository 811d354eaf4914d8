/** Every feed with every fault that makes sense for it, and within which time it has to be noticed and mended. */
import type { FeedName } from "../../core/events.ts";
import { LIVE_FEEDS, type LiveFeedName } from "../../feeds/live.ts";
import type { FeedLimitOverrides } from "../../feeds/net/limits.ts";
import { limitsIn, type Seen } from "./stage.ts";

/** One way in which a fault may be told. */
export type Tell = (seen: Seen) => boolean;

export interface Case {
  /** Row: a feed or a group of REST endpoints. */
  readonly feed: string;
  /** Column: what is done to it. */
  readonly fault: string;
  /** `steady`: in the middle of a window; `roll`: around a window's end; `open`: before the feeds are opened. */
  readonly at: "steady" | "roll" | "open";
  /** Specs of the venue's faults, without `start`. */
  readonly specs: readonly string[];
  /** Any of these tells it. Empty: harmless by nature, nothing has to be told. */
  readonly tells: readonly Tell[];
  /** Venue ms; from the fault's beginning (`roll`: from the window's end). */
  readonly detectLimitMs: number;
  /** Venue ms after which the fault is ended; null: it ends with the socket it hit. */
  readonly holdMs: number | null;
  /** An engine tries to trade all the while; see `StageOptions.trades`. */
  readonly trades?: boolean;
  /** What being whole again means; `never`: a refusal that must not be repeated. */
  readonly whole: "live" | "window" | "strike" | "resolved" | "never";
  /** Venue ms; from the fault's end (with `holdMs` null: from its beginning). */
  readonly recoverLimitMs: number;
}

export interface CaseOptions {
  readonly limits: FeedLimitOverrides;
  readonly speed: number;
}

/** What measuring itself may cost: half a second of sampling and 100 ms of a busy machine's wall time. */
const slackMs = (speed: number): number => 500 + 100 * speed;
/** Wall time below which no silence costs a socket (`wallFloorMs` of a feed's session). */
const WALL_FLOOR_MS = 750;
/** Ceilings of backoff: first attempt, and every attempt after a busy venue's refusal. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** Keeper: next attempt of a failed look-up, of an untradable listing; strike: grace, pace and the helper's own delay. */
const LOOKUP_RETRY_MS = 10_000;
const UNTRADABLE_RETRY_MS = 15_000;
const STRIKE_MS = 4_000 + 5_000 + 8_000;
const RESOLVE_POLL_MS = 5_000;
/** Wall deadline of one HTTP request. */
const HTTP_DEADLINE_MS = 5_000;

const isDown: (feed: FeedName) => Tell = (feed) => (seen) =>
  seen.feed === feed && seen.kind === "state" && (seen.name === "late" || seen.name === "down");
const says = (feed: FeedName, words: RegExp): Tell => (seen) =>
  seen.feed === feed && seen.kind === "state" && words.test(seen.detail);
const counts = (feed: FeedName, ...names: string[]): Tell => (seen) =>
  seen.feed === feed && seen.kind === "counter" && names.includes(seen.name);
const book = (...names: string[]): Tell => (seen) => seen.kind === "book" && names.includes(seen.name);
const logs = (words: RegExp): Tell => (seen) => seen.kind === "log" && words.test(seen.detail);
/** `openLive` ended in an OperationError. */
const refusedToOpen: Tell = (seen) => seen.kind === "log" && seen.name === "error";
const untradable: Tell = (seen) =>
  seen.kind === "event" && seen.name === "window" && !/ tradable$/.test(seen.detail);

/** `markPrice@1s` has a limit of its own; Deribit is judged by two and a half of its heartbeats, because its index may pause. */
const MARK_PRICE_LATE_MS = 5_000;
const HEARTBEATS_LATE_MS = 75_000;

/** Age limit of the stream that `freeze-stream` takes, and of the first stream that is missed when all stop. */
function streamLimitMs(feed: LiveFeedName, lateMs: number): number {
  if (feed === "deribit") return Math.max(lateMs, HEARTBEATS_LATE_MS);
  return feed === "binance.futures.market" ? Math.min(lateMs, MARK_PRICE_LATE_MS) : lateMs;
}

/** Faults of one socket feed. */
function socketCases(feed: LiveFeedName, options: CaseOptions): Case[] {
  const limits = limitsIn(feed, options.limits);
  const slack = slackMs(options.speed);
  // A feed looks at its streams four times per age limit.
  const pace = limits.lateMs / 4;
  const late = streamLimitMs(feed, limits.lateMs) + pace + slack;
  const floor = WALL_FLOOR_MS * options.speed;
  const afterDead = Math.max(limits.deadMs, floor) + FIRST_BACKOFF_MS + limits.firstDatumMs + slack;
  const again = FIRST_BACKOFF_MS + limits.firstDatumMs + slack;
  const busy = MAX_BACKOFF_MS + limits.firstDatumMs + slack;
  const make = (fault: string, specs: readonly string[], more: Partial<Case>): Case => ({
    feed,
    fault,
    at: "steady",
    specs: specs.map((spec) => spec.replace("@,", `@${feed},`).replace(/@$/, `@${feed}`)),
    tells: [isDown(feed)],
    detectLimitMs: slack,
    holdMs: null,
    whole: "live",
    recoverLimitMs: again,
    ...more,
  });
  const refused = (status: number, more: Partial<Case> = {}): Case =>
    make(`refuse-${status}`, [`refuse-${status}@`, "drop@"], {
      tells: [says(feed, new RegExp(`${status}|GEO_BLOCKED`))],
      detectLimitMs: FIRST_BACKOFF_MS + slack,
      holdMs: 20_000,
      recoverLimitMs: busy,
      ...more,
    });
  const common: Case[] = [
    make("freeze", ["freeze@,sockets=open"], { detectLimitMs: late, recoverLimitMs: late + afterDead }),
    make("freeze-stream", ["freeze-stream@,sockets=open"], {
      detectLimitMs: late,
      recoverLimitMs: late + afterDead,
    }),
    make("close", ["close@"], {}),
    make("drop", ["drop@"], {}),
    refused(429),
    refused(451, { whole: "never" }),
    refused(503),
    make("refuse-hang", ["refuse-hang@", "drop@"], {
      tells: [says(feed, /no handshake/)],
      detectLimitMs: FIRST_BACKOFF_MS + Math.max(limits.connectMs, floor) + pace + slack,
      holdMs: Math.max(limits.connectMs, floor) + pace + 10_000,
      recoverLimitMs: busy,
    }),
    make("slow-start", [`slow-start@,by=${limits.firstDatumMs + 5_000}ms`, "close@"], {
      tells: [says(feed, /FEED_LATE|SUBSCRIPTION_DEAD|no data on|first datum/)],
      detectLimitMs: FIRST_BACKOFF_MS + Math.max(limits.firstDatumMs, floor) + pace + slack,
      holdMs: limits.firstDatumMs + 5_000,
      recoverLimitMs: again,
    }),
    make("garble", ["garble@"], {
      tells: [counts(feed, "unrecognised")],
      detectLimitMs: 5_000 + slack,
      holdMs: 15_000,
      recoverLimitMs: limits.lateMs + slack,
    }),
    make("reorder", ["reorder@"], { tells: [], holdMs: 10_000, recoverLimitMs: limits.lateMs + slack }),
    make("skew-ahead", ["skew@,by=5s"], {
      tells: [logs(/clock|skew|ahead/i), says(feed, /CLOCK|skew|ahead/i), isDown(feed), counts(feed, "age")],
      detectLimitMs: limits.lateMs + slack,
      holdMs: 15_000,
      recoverLimitMs: limits.lateMs + slack,
    }),
    make("skew-behind", ["skew@,by=-20s"], {
      tells: [
        logs(/clock|skew|behind/i),
        says(feed, /CLOCK|skew|behind/i),
        isDown(feed),
        counts(feed, "age"),
      ],
      detectLimitMs: limits.lateMs + slack,
      holdMs: 15_000,
      recoverLimitMs: limits.lateMs + slack,
    }),
  ];
  // An index that pauses while heartbeats go on is no fault that could be told.
  const told = feed === "deribit" ? common.filter(({ fault }) => fault !== "freeze-stream") : common;
  return [...told, ...ownCases(feed, make, { slack, late, again, lateMs: limits.lateMs })];
}

interface OwnLimits {
  readonly slack: number;
  readonly late: number;
  /** From a new handshake to being whole. */
  readonly again: number;
  readonly lateMs: number;
}

type Make = (fault: string, specs: readonly string[], more: Partial<Case>) => Case;

/** Faults that depend on what the feed carries. */
function ownCases(feed: LiveFeedName, make: Make, { again, late, lateMs, slack }: OwnLimits): Case[] {
  const repaired = { holdMs: 10_000, recoverLimitMs: lateMs + slack };
  const numbered = feed === "binance.futures.market" || feed === "binance.spot" ||
    feed === "polymarket.prices";
  const duplicate = make("duplicate", ["duplicate@"], {
    // Books and tops replace each other: a second copy changes nothing and has no number to be known by.
    tells: numbered ? [counts(feed, "duplicates")] : [],
    detectLimitMs: 5_000 + slack,
    ...repaired,
  });
  const gap = make("gap", [feed === "polymarket.market" ? "gap@,count=12" : "gap@"], {
    tells: feed === "polymarket.market" ? [book("mismatch")] : [counts(feed, "gaps", "dropped")],
    detectLimitMs: 10_000 + slack,
    ...repaired,
  });
  if (numbered) return [duplicate, gap];
  if (feed !== "polymarket.market") return [duplicate];
  const untrusted = { tells: [book("tick")], detectLimitMs: 5_000 + slack };
  return [
    duplicate,
    gap,
    // New sockets are as silent as the old ones, while REST still answers.
    make("freeze-all", ["freeze@"], {
      trades: true,
      detectLimitMs: late,
      holdMs: 60_000,
      recoverLimitMs: MAX_BACKOFF_MS + again,
    }),
    make("off-tick", ["off-tick@"], {
      tells: [book("mismatch"), counts(feed, "unrecognised")],
      detectLimitMs: 5_000 + slack,
      ...repaired,
    }),
    make("tick-no-book", ["tick-no-book@"], { ...untrusted, ...repaired, holdMs: 3_000 }),
    make("stale-book", ["stale-book@rest:clob", "tick-no-book@"], {
      ...untrusted,
      holdMs: 15_000,
      recoverLimitMs: lateMs + slack,
    }),
    {
      ...make("no-resolved", ["no-resolved@"], { tells: [], whole: "resolved" }),
      at: "roll",
      recoverLimitMs: RESOLVE_POLL_MS + slack,
    },
  ];
}

const REST_FAULTS = ["404", "429", "451", "500", "garbage", "empty", "hang", "slow"].map((name) =>
  `rest-${name}`
);

/** REST faults around a window's end, when the next listing is looked up. */
function rollCases(options: CaseOptions): Case[] {
  const slack = slackMs(options.speed);
  const retry = Math.max(LOOKUP_RETRY_MS, UNTRADABLE_RETRY_MS) + slack;
  return (["rest:gamma", "rest:clob"] as const).flatMap((feed) =>
    REST_FAULTS.map((fault): Case => ({
      feed,
      fault,
      at: "roll",
      specs: [`${fault}@${feed}`],
      // A slow answer is an answer.
      tells: fault === "rest-slow" ? [] : [logs(/keeper|looked up|usable/), untradable],
      detectLimitMs: fault === "rest-hang"
        ? HTTP_DEADLINE_MS * options.speed + slack
        : LOOKUP_RETRY_MS + slack,
      holdMs: 75_000,
      whole: "window",
      recoverLimitMs: retry,
    }))
  );
}

/** A book that has to be read again while REST misbehaves. */
function bookCases(options: CaseOptions): Case[] {
  const { lateMs } = limitsIn("polymarket.market", options.limits);
  const slack = slackMs(options.speed);
  return REST_FAULTS.map((fault): Case => ({
    feed: "rest:clob",
    fault: `book-${fault}`,
    at: "steady",
    specs: [`${fault}@rest:clob,match=/book`, "tick-no-book@polymarket.market"],
    tells: [book("tick")],
    detectLimitMs: 5_000 + slack,
    holdMs: 15_000,
    whole: "live",
    recoverLimitMs: lateMs + slack,
  }));
}

/** REST faults that are there before the feeds are opened. */
function openCases(options: CaseOptions): Case[] {
  const slack = slackMs(options.speed);
  const firstDatumMs = Math.max(...LIVE_FEEDS.map((feed) => limitsIn(feed, options.limits).firstDatumMs));
  const deadline = HTTP_DEADLINE_MS * options.speed;
  const make = (feed: string, fault: string, tells: readonly Tell[]): Case => ({
    feed,
    fault: feed === "rest:binance" ? fault : `open-${fault}`,
    at: "open",
    specs: [`${fault}@${feed}`],
    tells,
    // Three attempts with pauses between them.
    detectLimitMs: 3 * deadline + 10_000 + slack,
    holdMs: 0,
    whole: "live",
    recoverLimitMs: LOOKUP_RETRY_MS + firstDatumMs + slack,
  });
  return [
    ...REST_FAULTS.map((fault) =>
      make("rest:binance", fault, fault === "rest-slow" ? [] : [logs(/warm-up|candles/)])
    ),
    ...REST_FAULTS.map((fault) =>
      make(
        "rest:gamma",
        fault,
        fault === "rest-slow" ? [] : [refusedToOpen, logs(/usable|looked up/)],
      )
    ),
  ];
}

/** The whole matrix, feeds in their order. */
export function allCases(options: CaseOptions): Case[] {
  const slack = slackMs(options.speed);
  const lateStrike: Case = {
    feed: "polymarket.prices",
    fault: "late-strike",
    at: "roll",
    specs: ["late-strike@polymarket.prices,by=60s"],
    tells: [],
    detectLimitMs: slack,
    holdMs: null,
    whole: "strike",
    recoverLimitMs: STRIKE_MS + slack,
  };
  return [
    ...LIVE_FEEDS.flatMap((feed) => [
      ...socketCases(feed, options),
      ...(feed === "polymarket.prices" ? [lateStrike] : []),
    ]),
    ...rollCases(options),
    ...bookCases(options),
    ...openCases(options),
  ];
}

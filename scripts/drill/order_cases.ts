/** What the venue does to orders in the fault drill: each case in the words of its control endpoint. */

export interface OrderCase {
  readonly name: string;
  /** Bodies of `POST /sim/control`, sent when the fault begins. */
  readonly controls: readonly Readonly<Record<string, unknown>>[];
  /** Venue ms for which orders go on while it lasts. */
  readonly holdMs: number;
  /** Venue ms after its end within which an order must be taken again. */
  readonly recoverMs: number;
  /** Orders are refused for one of these codes, by us or by the venue; [] when trading may go on. */
  readonly refuses: readonly string[];
  /** What must have happened, so that the case has shown something. */
  readonly shows: readonly ("unknown" | "undone" | "delayed" | "lookups" | "cancelled by venue")[];
  /** Venue ms at the beginning of the fault without wishes, so that what rests is the venue's to cancel. */
  readonly quietMs?: number;
  /** Wishes at once at the beginning of the fault. */
  readonly burst?: number;
}

const fault = (spec: string) => ({ action: "fault", spec });

const base = { holdMs: 6_000, recoverMs: 5_000, refuses: [], shows: [] } as const;

export const ORDER_CASES: readonly OrderCase[] = [
  {
    ...base,
    name: "timeout before landing",
    controls: [{ action: "order-timeout", landed: false, answer: "none", count: 8 }],
    shows: ["unknown", "lookups"],
  },
  {
    ...base,
    name: "timeout after landing",
    controls: [{ action: "order-timeout", landed: true, answer: "none", count: 8 }],
    shows: ["unknown", "lookups"],
  },
  {
    ...base,
    name: "500 before landing",
    controls: [{ action: "order-timeout", landed: false, count: 8 }],
    refuses: ["ORDER_TIMED_OUT"],
  },
  {
    ...base,
    name: "500 after landing",
    controls: [{ action: "order-timeout", landed: true, count: 8 }],
    shows: [],
  },
  {
    ...base,
    name: "503 to half of all calls",
    controls: [{ action: "errors", status: 503, share: 0.5, seconds: 6, scope: "all" }],
    recoverMs: 20_000,
    shows: ["unknown", "lookups"],
  },
  {
    ...base,
    name: "425, then post-only",
    controls: [{ action: "mode", mode: "restart", seconds: 6 }],
    holdMs: 20_000,
    recoverMs: 125_000,
    refuses: ["ENGINE_RESTART", "VENUE_RESTARTING", "VENUE_POST_ONLY", "POST_ONLY_MODE"],
  },
  {
    ...base,
    name: "cancel-only",
    controls: [{ action: "mode", mode: "cancel-only", seconds: 6 }],
    recoverMs: 70_000,
    refuses: ["CANCEL_ONLY", "VENUE_CANCEL_ONLY"],
  },
  {
    ...base,
    name: "trading disabled",
    controls: [{ action: "mode", mode: "disabled", seconds: 6 }],
    recoverMs: 70_000,
    refuses: ["TRADING_DISABLED", "VENUE_HALTED"],
  },
  {
    ...base,
    name: "429",
    controls: [fault("rest-429@rest:clob,match=/order,for=6s")],
    recoverMs: 15_000,
    refuses: ["RATE_LIMITED", "VENUE_LIMITED"],
  },
  {
    ...base,
    name: "burst over the budget",
    controls: [],
    burst: 150,
    // The flow cancels what the burst left resting before it sends anything new.
    recoverMs: 40_000,
    // Whichever is first: our own budget, or the venue's.
    refuses: ["ORDER_BUDGET_EMPTY", "VENUE_LIMITED"],
  },
  {
    ...base,
    name: "answers no JSON",
    controls: [fault("rest-garbage@rest:clob,match=/order,for=6s")],
    recoverMs: 15_000,
    // The user socket may tell of an order before its garbled answer does; then it never was unknown.
    shows: ["lookups"],
  },
  {
    ...base,
    name: "answers 3 s late",
    controls: [{ action: "latency", ms: 3_000, seconds: 8 }],
    holdMs: 8_000,
  },
  {
    ...base,
    name: "delayed",
    controls: [{ action: "delayed", seconds: 3, count: 20 }],
    shows: ["delayed"],
  },
  {
    ...base,
    name: "settlement fails",
    controls: [{ action: "settlement", outcome: "FAILED", count: 30 }],
    shows: ["undone"],
  },
  {
    ...base,
    name: "settlement retried",
    controls: [{ action: "settlement", outcome: "RETRYING", count: 30 }],
  },
  {
    ...base,
    name: "user socket silent",
    controls: [fault("freeze@polymarket.user,for=20s")],
    holdMs: 20_000,
    recoverMs: 30_000,
    refuses: ["USER_FEED_DOWN", "RESYNCING"],
  },
  {
    ...base,
    name: "user socket cut",
    controls: [fault("drop@polymarket.user,for=10s")],
    holdMs: 10_000,
    recoverMs: 40_000,
    refuses: ["USER_FEED_DOWN", "RESYNCING"],
  },
  {
    ...base,
    name: "heartbeats refused",
    quietMs: 17_000,
    controls: [fault("rest-500@rest:clob,match=heartbeats,for=25s")],
    holdMs: 25_000,
    recoverMs: 30_000,
    refuses: ["HEARTBEAT_LOST"],
    shows: ["cancelled by venue"],
  },
  {
    ...base,
    name: "messages twice",
    controls: [fault("duplicate@polymarket.user,every=2,for=10s")],
    holdMs: 10_000,
  },
  {
    ...base,
    name: "messages out of order",
    controls: [fault("reorder@polymarket.user,every=2,for=10s")],
    holdMs: 10_000,
    recoverMs: 20_000,
  },
  {
    ...base,
    name: "messages lost",
    controls: [fault("gap@polymarket.user,count=10")],
    holdMs: 10_000,
    recoverMs: 20_000,
  },
  {
    ...base,
    name: "messages damaged",
    controls: [fault("garble@polymarket.user,every=3,for=10s")],
    holdMs: 10_000,
    recoverMs: 20_000,
  },
];

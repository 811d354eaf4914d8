/** What one account may send now, kept from the venue's answers and our own count: mode, budgets, health. */
import {
  type Budgets,
  checkBudget,
  newBudgets,
  observeBudget,
  type SignerLimits,
  takeBudget,
  tokensOf,
} from "../../../core/orders/buckets.ts";
import { fieldsOf, type WireReply } from "../../../core/orders/lifecycle_reply.ts";
import { type Ms, ms } from "../../../core/units.ts";
import type { Clock } from "../../clock.ts";
import { HttpError } from "../../net/http.ts";
import { newApiHealth, readHealth, recordError, recordLatency } from "./api_health.ts";
import type { VenueModeState } from "./types.ts";
import { announcedMode, modeAt, modeForbids, type ModeMemory, NORMAL } from "./venue_mode.ts";
import { observeMode, observeTaken } from "./venue_mode.ts";
import { replyOf, type WireAnswer, type WireEnd } from "./wire.ts";

export interface GaugeOptions {
  readonly clock: Pick<Clock, "now" | "monotonicUs">;
  readonly random: () => number;
  readonly limits?: SignerLimits;
  /** Orders that a cancel-all would have to cancel now. */
  readonly openOrders: () => number;
  readonly onMode?: (state: VenueModeState) => void;
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Wait after a 429 that names none, venue ms. */
const UNNAMED_WAIT_MS = 1000;
const MAX_WAIT_MS = 600_000;

/** Statuses that mean that something is wrong between us and the API, not with one order. */
const isFailure = (status: number): boolean =>
  status === 401 || status === 403 || status === 407 || status === 429 || status >= 500 ||
  (status >= 300 && status < 400);

const ONE_ORDER = { route: "postOrder", orders: 1 } as const;

/** The account's state of sending; lives as long as the order entry. */
export class Gauge {
  private memory: ModeMemory = NORMAL;
  private budgets: Budgets;
  private readonly health = newApiHealth();

  constructor(private readonly options: GaugeOptions) {
    this.budgets = newBudgets(options.limits);
  }

  /** The venue's mode, or `limited` while our own budget would not let one order go. */
  mode(): VenueModeState {
    const now = this.options.clock.now();
    const state = modeAt(this.memory, now);
    if (state.mode !== "normal") return state;
    const verdict = checkBudget(this.budgets, ONE_ORDER, this.options.openOrders(), now);
    if (verdict.ok) return state;
    const until = verdict.waitMs === null ? null : ms(now + verdict.waitMs);
    return { mode: "limited", until, reason: `our budget ${verdict.bucket} is empty` };
  }

  /** Takes one order's tokens. `before`: orders that took theirs and are not counted as open yet. Null: it may go. */
  takeOrder(postOnly: boolean, before = 0): Refusal | null {
    const now = this.options.clock.now();
    const forbidden = modeForbids(modeAt(this.memory, now), postOnly);
    if (forbidden !== null) return forbidden;
    const step = takeBudget(this.budgets, ONE_ORDER, this.options.openOrders() + before, now);
    this.budgets = step.budgets;
    if (step.verdict.ok) return null;
    const { bucket, waitMs } = step.verdict;
    const when = waitMs === null ? "too many orders are open" : `free in ${waitMs} ms`;
    return {
      code: "ORDER_BUDGET_EMPTY",
      message: `Cannot send an order now: budget ${bucket} is empty, ${when}`,
    };
  }

  /** Looks at everything that `takeOrder()` looks at, and takes nothing. */
  rehearse(): void {
    const now = this.options.clock.now();
    modeForbids(modeAt(this.memory, now), false);
    takeBudget(this.budgets, ONE_ORDER, this.options.openOrders(), now);
  }

  /**
   * Takes tokens for as many of `count` cancels as may go, the first ones; 0 when none may. What is cancelled needs no
   * token of a later cancel-all, so that the reserve which every order left behind is there for it.
   */
  takeCancels(count: number): number {
    for (let wanted = count; wanted > 0;) {
      const now = this.options.clock.now();
      const open = Math.max(0, this.options.openOrders() - wanted);
      const route = wanted === 1 ? "deleteOrder" as const : "deleteOrders" as const;
      const step = takeBudget(this.budgets, { route, orders: wanted }, open, now);
      this.budgets = step.budgets;
      if (step.verdict.ok) return wanted;
      if (step.verdict.bucket === "venue") return 0;
      const rest = Math.max(0, this.options.openOrders() - count);
      // One token stays for the cancel-all itself.
      wanted = Math.min(wanted - 1, Math.max(0, tokensOf(this.budgets, "cancels", now) - 1 - rest));
    }
    return 0;
  }

  /** Takes tokens for a request of another route. Throws HttpError RATE_LIMITED; never for a cancel-all. */
  take(route: "cancelAll" | "cancelMarket" | "data"): void {
    const { clock, openOrders } = this.options;
    const open = openOrders();
    const now = clock.now();
    // What a market's cancel will cancel is not known; all of it is the most.
    const step = route === "cancelMarket"
      ? takeBudget(this.budgets, { route, orders: open }, 0, now)
      : takeBudget(this.budgets, { route, orders: 1 }, open, now);
    this.budgets = step.budgets;
    if (step.verdict.ok) return;
    const { bucket, waitMs } = step.verdict;
    throw new HttpError("RATE_LIMITED", `Cannot send now: our budget ${bucket} is empty`, {
      retryAfterMs: waitMs,
    });
  }

  /** Learns from an answer. `kind`: whose tokens it spoke of; `read` for the rest. */
  observe(kind: "orders" | "cancels" | "read", end: WireEnd): void {
    const { clock } = this.options;
    const wallMs = clock.monotonicUs() / 1000;
    if (!end.ok) {
      if (end.error.code !== "ABORTED") recordError(this.health, wallMs);
      // The rest of the answer is lost; these statuses say enough.
      if (kind === "orders" && (end.status === 425 || end.status === 429)) {
        this.announce({ status: end.status, body: "" }, null);
      }
      return;
    }
    const { doneUs, startUs } = end.stamps;
    recordLatency(this.health, ((doneUs ?? startUs) - startUs) / 1000);
    const reply = replyOf(end)!;
    const announced = announcedMode(reply);
    if (isFailure(end.status) && (announced === null || announced === "limited")) {
      recordError(this.health, wallMs);
    }
    if (kind === "read") return;
    const now = clock.now();
    this.headers(kind, end, now);
    // The bucket of cancels is not that of orders.
    if (kind === "cancels" && announced === "limited") return;
    this.announce(reply, end.retryAfterMs);
    if (kind === "orders" && end.status === 200 && fieldsOf(reply.body)["success"] === true) {
      this.move(observeTaken(this.memory, now));
    }
  }

  read() {
    return readHealth(this.health, this.options.clock.monotonicUs() / 1000);
  }

  private announce(reply: WireReply, retryAfterMs: number | null): void {
    const { clock, random } = this.options;
    this.move(observeMode(this.memory, reply, { retryAfterMs, now: clock.now(), random }));
  }

  private move(next: ModeMemory): void {
    const changed = next.state.mode !== this.memory.state.mode;
    this.memory = next;
    if (changed) this.options.onMode?.(next.state);
  }

  private headers(kind: "orders" | "cancels", end: WireAnswer, now: Ms): void {
    const remaining = end.headers.get("poly-ratelimit-remaining");
    const reset = Number(end.headers.get("poly-ratelimit-reset") ?? NaN) * 1000 - now;
    const limited = end.status === 429;
    const waitMs = end.retryAfterMs ?? (reset > 0 ? reset : UNNAMED_WAIT_MS);
    if (remaining === null && !limited) return;
    this.budgets = observeBudget(this.budgets, {
      kind,
      ...(remaining !== null && /^-?\d{1,9}$/.test(remaining) ? { remaining: Number(remaining) } : {}),
      ...(limited ? { retryAfterMs: Math.min(MAX_WAIT_MS, Math.ceil(waitMs)) } : {}),
    }, now);
  }
}

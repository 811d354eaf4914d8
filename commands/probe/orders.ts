/**
 * The whole way of real orders: signed, journalled, sent, acknowledged and cancelled, one at a time, through the gateway that
 * trading uses, so that every promise about orders holds here too. They are post-only purchases of the least size at the
 * lowest price there is, in a window that has not begun.
 */
import { OperationError } from "../../core/errors.ts";
import type { ExecutionEvent, SubmitIntent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import type { Ms, Price, Usdc } from "../../core/units.ts";
import type { OrderLatency, StopReport } from "../../feeds/gateway/types.ts";
import type { OpenAccount } from "../account.ts";
import type { CommandContext } from "../command.ts";
import { gatewayOf } from "../trading/live_trading.ts";

/** Wall ms an order or a cancel may take before the probe gives up; also how long it waits for our own budget of orders. */
const PATIENCE_MS = 10_000;
/** Between two looks whether the budget lets an order go again. */
const PACE_MS = 200;

export interface OrderTimes {
  /** Milliseconds from the row on disk to the whole answer. */
  readonly order: readonly number[];
  /** From the cancel's request to the end of the order as the venue told it. */
  readonly cancel: readonly number[];
  readonly sign: readonly number[];
  readonly journal: readonly number[];
  readonly end: StopReport;
}

/** The window that begins last: nobody trades it yet, so that the lowest price is far from its book. */
export function chooseWindow(instruments: readonly Instrument[], now: number): Instrument {
  const usable = instruments.filter((of) => of.tradable && of.fee !== null && of.endMs - now > 60_000);
  const chosen = usable.toSorted((a, b) => b.startMs - a.startMs)[0];
  if (chosen !== undefined) return chosen;
  throw new OperationError({
    code: "PROBE_NO_WINDOW",
    message: "Cannot send probe orders: no window that may be traded is listed",
    hint: "`poly-edge discover` says which windows there are and why they may not be traded.",
  });
}

/** A purchase that nobody will want to meet. */
export const probeOrder = (of: Instrument, orderId: string, now: Ms): SubmitIntent => ({
  type: "submit",
  orderId,
  conditionId: of.conditionId,
  token: of.upToken,
  outcome: "up",
  side: "buy",
  orderType: "GTC",
  postOnly: true,
  limit: of.tick as Price,
  size: of.minSize,
  spend: 0 as Usdc,
  bornAt: now,
  maxAge: PATIENCE_MS as Ms,
});

/** Answers of the gateway, for a caller who waits for one of them. */
class Answers {
  private readonly found: ExecutionEvent[] = [];
  private wake = Promise.withResolvers<void>();

  /** Drops what came so far: nobody waits for it any more. */
  forget(): void {
    this.found.length = 0;
  }

  take(events: readonly ExecutionEvent[]): void {
    this.found.push(...events);
    this.wake.resolve();
    this.wake = Promise.withResolvers();
  }

  /** The first answer about the order of one of these kinds. Throws PROBE_ORDER_FAILED after `PATIENCE_MS`, or when refused. */
  async of(orderId: string, kinds: readonly ExecutionEvent["type"][]): Promise<ExecutionEvent> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => timer = setTimeout(() => resolve("late"), PATIENCE_MS));
    try {
      for (;;) {
        for (const event of this.found) {
          if (event.type === "account" || event.orderId !== orderId) continue;
          if (kinds.includes(event.type)) return event;
          if (event.type === "orderRejected") throw failed(`${event.code}: ${event.message}`);
          if (event.type === "orderUnknown") throw failed(event.reason);
        }
        if (await Promise.race([this.wake.promise, late]) === "late") throw failed("no answer in time");
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Wall time, because budgets are refilled by it; the signal ends it early. */
const pause = (waitMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });

const failed = (why: string): OperationError =>
  new OperationError({
    code: "PROBE_ORDER_FAILED",
    message: `Cannot finish the probe's orders: ${why}`,
    hint: "`poly-edge cancel-all` makes sure that none is left.",
  });

/**
 * Sends and cancels `samples` orders. The caller has armed the account. Whatever happens, the gateway is stopped, which
 * cancels what is open and proves it. Throws PROBE_ORDER_FAILED and what the gateway's start throws.
 */
export async function measureOrders(
  ctx: CommandContext,
  account: OpenAccount,
  instrument: Instrument,
  samples: number,
): Promise<OrderTimes> {
  const { clock } = account.venue;
  const answers = new Answers();
  const latencies: OrderLatency[] = [];
  const cancel: number[] = [];
  const gateway = await gatewayOf(ctx, account, {
    ready: () => answers.take(gateway.advance(clock.now())),
    alarm: ({ code, detail }) => ctx.log.warn("gateway alarm", { code, detail }),
    latency: (latency) => void latencies.push(latency),
  });
  const progress = ctx.progress("latency-probe");
  /** Sends one and returns its id; waits while our own budget is empty. Null when it is stopped meanwhile. */
  const accepted = async (index: number): Promise<string | null> => {
    for (let waitedMs = 0, attempt = 0; !ctx.signal.aborted; waitedMs += PACE_MS, attempt++) {
      const orderId = `probe-${ctx.startedAt}-${index}-${attempt}`;
      answers.forget();
      gateway.submit(probeOrder(instrument, orderId, clock.now()), clock.now());
      answers.take(gateway.advance(clock.now()));
      const answer = await answers.of(orderId, ["orderAccepted", "orderRejected"]);
      if (answer.type !== "orderRejected") return orderId;
      if (answer.code !== "VENUE_LIMITED" || waitedMs >= PATIENCE_MS) {
        throw failed(`${answer.code}: ${answer.message}`);
      }
      await pause(PACE_MS, ctx.signal);
    }
    return null;
  };
  let end: StopReport;
  try {
    const at = clock.now();
    gateway.observe({ type: "window", tExchange: at, tReceive: at, instrument });
    await gateway.start();
    answers.take(gateway.advance(clock.now()));
    for (let i = 0; i < samples && !ctx.signal.aborted; i++) {
      progress.update(i, samples, "orders");
      const orderId = await accepted(i);
      if (orderId === null) break;
      const fromUs = clock.monotonicUs();
      gateway.submit({ type: "cancel", orderId, bornAt: clock.now() }, clock.now());
      await answers.of(orderId, ["orderDone"]);
      cancel.push((clock.monotonicUs() - fromUs) / 1000);
    }
  } finally {
    progress.stop();
    end = await gateway.stop();
  }
  const ms = (from: keyof OrderLatency, to: keyof OrderLatency) =>
    latencies.flatMap((of) => {
      const [a, b] = [of[from], of[to]];
      return typeof a === "number" && typeof b === "number" ? [(b - a) / 1000] : [];
    });
  return {
    order: ms("journalledUs", "ackUs"),
    cancel,
    sign: ms("takenUs", "signedUs"),
    journal: ms("signedUs", "journalledUs"),
    end,
  };
}

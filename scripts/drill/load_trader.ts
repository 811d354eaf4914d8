/**
 * The process under load of `deno task soak:orders`: so many orders and cancels a second through the live stack, far from the
 * book, and some market orders that match. First line of stdin: `LoadSpec`; "stop" ends it. Says what it did every few seconds.
 */
import type { SubmitIntent } from "../../core/events.ts";
import type { SignerTier } from "../../core/orders/buckets.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";
import { scaledClock } from "../../feeds/clock.ts";
import type { StopReport } from "../../feeds/gateway/types.ts";
import { cryptoRandom, openLiveStack } from "./live_stack.ts";
import { lines, type TraderSpec } from "./trader.ts";

export interface LoadSpec extends Omit<TraderSpec, "prefix" | "plan"> {
  readonly tier: SignerTier;
  /** Orders that rest until they are cancelled. */
  readonly ordersPerSecond: number;
  readonly cancelsPerSecond: number;
  /** Market orders besides. */
  readonly matchesPerSecond: number;
}

export interface LoadSample {
  readonly type: "sample";
  /** Resting and market orders, and cancels, that were to be sent. */
  readonly wished: number;
  readonly wishedCancels: number;
  readonly sent: number;
  readonly cancels: number;
  readonly accepted: number;
  readonly ended: number;
  readonly refused: Readonly<Record<string, number>>;
  /** What is in memory, by kind: `past*` is the record of settled ones. */
  readonly kept: Kept;
  /** After a collection, bytes: JavaScript's heap; what it holds outside (buffers, that record); all of the process. */
  readonly heap: number;
  readonly external: number;
  readonly rss: number;
  /** Median and 99th percentile of `gateway.submit()` since the last sample, us. */
  readonly submitP50Us: number;
  readonly submitP99Us: number;
  readonly alarms: readonly string[];
}

export interface Kept {
  readonly orders: number;
  readonly trades: number;
  readonly entries: number;
  readonly pastOrders: number;
  readonly pastTrades: number;
}

export type LoadSays =
  | LoadSample
  | { readonly type: "started" }
  | { readonly type: "stopped"; readonly report: StopReport };

const SAMPLE_MS = 5_000;
const PULSE_MS = 10;
/** pUSD of a market order. */
const MATCH_SPEND = 2_000_000;

const say = (what: LoadSays): void => console.log(JSON.stringify(what));

/** Calls `act` so many times a second, evenly, catching up when the loop was busy. */
function every(perSecond: number, act: () => void): () => void {
  const began = performance.now();
  let done = 0;
  const timer = setInterval(() => {
    const due = Math.floor((performance.now() - began) / 1_000 * perSecond);
    // What a long pause has missed is not made up for: that would be a burst, not a load.
    if (due - done > perSecond / 5) done = due - 1;
    for (; done < due; done++) act();
  }, PULSE_MS);
  return () => clearInterval(timer);
}

async function run(spec: LoadSpec, commands: AsyncIterator<string>): Promise<void> {
  const { speed, markets } = spec;
  const clock = scaledClock(spec.venueMs + (Date.now() - spec.wallMs) * speed, speed);
  const refused: Record<string, number> = {};
  const alarms: string[] = [];
  const open: string[] = [];
  let [wished, matches, accepted, ended, wishedCancels, cancels] = [0, 0, 0, 0, 0, 0];
  let times: number[] = [];
  const stack = await openLiveStack({
    ...spec,
    clock,
    random: cryptoRandom,
    onAlarm: (code, detail) => void alarms.push(`${code}: ${detail}`),
    onEvent: (event) => {
      if (event.type === "orderAccepted") {
        accepted++;
        if (event.orderId.startsWith("load")) open.push(event.orderId);
      } else if (event.type === "orderDone") ended++;
      else if (event.type === "orderRejected") refused[event.code] = (refused[event.code] ?? 0) + 1;
    },
  });
  const { gateway } = stack;
  for (const instrument of markets) {
    const at = clock.now();
    gateway.observe({ type: "window", tExchange: at, tReceive: at, instrument });
  }
  await gateway.start();
  const ticking = setInterval(() => gateway.tick(), 50);
  const order = (matching: boolean): SubmitIntent => {
    const number = matching ? ++matches : ++wished;
    const market = markets[number % markets.length]!;
    const outcome = number % 2 === 0 ? "up" : "down";
    return {
      type: "submit",
      orderId: `${matching ? "match" : "load"}-${number}`,
      conditionId: market.conditionId,
      token: outcome === "up" ? market.upToken : market.downToken,
      outcome,
      side: "buy",
      orderType: matching ? "FAK" : "GTC",
      postOnly: !matching,
      limit: (matching ? 9_900 : 100 + number % 3 * 100) as Price,
      size: (matching ? 0 : 5_000_000) as Shares,
      spend: (matching ? MATCH_SPEND : 0) as Usdc,
      bornAt: clock.now(),
      maxAge: 1_000 as Ms,
    };
  };
  const submit = (matching: boolean) => {
    const intent = order(matching);
    const from = performance.now();
    gateway.submit(intent, intent.bornAt);
    times.push((performance.now() - from) * 1_000);
  };
  const sample = (): LoadSample => {
    const sorted = times.toSorted((a, b) => a - b);
    times = [];
    const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? NaN);
    (globalThis as { gc?: () => void }).gc?.();
    const { life, ledgers } = gateway.wallet;
    const { heapUsed, external, rss } = Deno.memoryUsage();
    return {
      type: "sample",
      ...{ wishedCancels, cancels, accepted, ended, refused, alarms },
      wished: wished + matches,
      sent: gateway.stats.submitted,
      kept: {
        orders: life.orders.size,
        trades: life.trades.size,
        entries: ledgers.posted.size,
        pastOrders: life.past.orders,
        pastTrades: life.past.trades,
      },
      ...{ heap: heapUsed, external, rss },
      submitP50Us: at(0.5),
      submitP99Us: at(0.99),
    };
  };
  say({ type: "started" });
  const stopOrders = every(spec.ordersPerSecond, () => submit(false));
  const stopMatches = every(spec.matchesPerSecond, () => submit(true));
  const stopCancels = every(spec.cancelsPerSecond, () => {
    wishedCancels++;
    const orderId = open.shift();
    if (orderId === undefined) return;
    cancels++;
    gateway.submit({ type: "cancel", orderId, bornAt: clock.now() }, clock.now());
  });
  const sampling = setInterval(() => say(sample()), SAMPLE_MS);
  await commands.next();
  stopOrders();
  stopMatches();
  stopCancels();
  clearInterval(sampling);
  say(sample());
  const report = await gateway.stop();
  clearInterval(ticking);
  for (const { state } of gateway.wallet.life.orders.values()) {
    if (!isEnded(state)) alarms.push(`an order is ${state} after the stop`);
  }
  say(sample());
  say({ type: "stopped", report });
  await stack.close();
}

if (import.meta.main) {
  const commands = lines();
  await run(JSON.parse((await commands.next()).value ?? "") as LoadSpec, commands);
  Deno.exit(0);
}

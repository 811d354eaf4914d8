/**
 * The process under load of `deno task soak:orders`: so many orders and cancels a second through the live stack, far from the
 * book. First line of stdin: `LoadSpec`; "stop" ends it. Says what it did every few seconds.
 */
import type { SubmitIntent } from "../../core/events.ts";
import { isEnded } from "../../core/orders/lifecycle_table.ts";
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";
import { scaledClock } from "../../feeds/clock.ts";
import type { StopReport } from "../../feeds/gateway/types.ts";
import { cryptoRandom, openLiveStack } from "./live_stack.ts";
import { lines, type TraderSpec } from "./trader.ts";

export interface LoadSpec extends Omit<TraderSpec, "prefix" | "plan"> {
  readonly ordersPerSecond: number;
  readonly cancelsPerSecond: number;
}

export interface LoadSample {
  readonly type: "sample";
  readonly wished: number;
  readonly sent: number;
  readonly cancels: number;
  readonly accepted: number;
  readonly ended: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Orders in memory, and JavaScript's heap after a collection, bytes. */
  readonly kept: number;
  readonly heap: number;
  /** Median and 99th percentile of `gateway.submit()` since the last sample, us. */
  readonly submitP50Us: number;
  readonly submitP99Us: number;
  readonly alarms: readonly string[];
}

export type LoadSays =
  | LoadSample
  | { readonly type: "started" }
  | { readonly type: "stopped"; readonly report: StopReport };

const SAMPLE_MS = 5_000;
const PULSE_MS = 10;

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
  let [wished, accepted, ended, cancels] = [0, 0, 0, 0];
  let times: number[] = [];
  const stack = await openLiveStack({
    ...spec,
    clock,
    random: cryptoRandom,
    onAlarm: (code, detail) => void alarms.push(`${code}: ${detail}`),
    onEvent: (event) => {
      if (event.type === "orderAccepted") {
        accepted++;
        open.push(event.orderId);
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
  const order = (): SubmitIntent => {
    const market = markets[wished % markets.length]!;
    const outcome = wished % 2 === 0 ? "up" : "down";
    return {
      type: "submit",
      orderId: `load-${++wished}`,
      conditionId: market.conditionId,
      token: outcome === "up" ? market.upToken : market.downToken,
      outcome,
      side: "buy",
      orderType: "GTC",
      postOnly: true,
      limit: (100 + wished % 3 * 100) as Price,
      size: 5_000_000 as Shares,
      spend: 0 as Usdc,
      bornAt: clock.now(),
      maxAge: 1_000 as Ms,
    };
  };
  const sample = (): LoadSample => {
    const sorted = times.toSorted((a, b) => a - b);
    times = [];
    const at = (share: number) => Math.round(sorted[Math.floor(sorted.length * share)] ?? NaN);
    (globalThis as { gc?: () => void }).gc?.();
    return {
      type: "sample",
      ...{ wished, cancels, accepted, ended, refused, alarms },
      sent: gateway.stats.submitted,
      kept: gateway.wallet.life.orders.size,
      heap: Deno.memoryUsage().heapUsed,
      submitP50Us: at(0.5),
      submitP99Us: at(0.99),
    };
  };
  say({ type: "started" });
  const stopOrders = every(spec.ordersPerSecond, () => {
    const intent = order();
    const from = performance.now();
    gateway.submit(intent, intent.bornAt);
    times.push((performance.now() - from) * 1_000);
  });
  const stopCancels = every(spec.cancelsPerSecond, () => {
    const orderId = open.shift();
    if (orderId === undefined) return;
    cancels++;
    gateway.submit({ type: "cancel", orderId, bornAt: clock.now() }, clock.now());
  });
  const sampling = setInterval(() => say(sample()), SAMPLE_MS);
  await commands.next();
  stopOrders();
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

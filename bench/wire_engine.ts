/**
 * One case of `bench/wire.ts`, in a fresh process: sockets, codecs, engine, gate, signature, synced journal and order entry as in
 * `trade --live`, before the venue on `--port`; feeds come through `--flood`, which says of each frame when it was sent.
 * A line on stdout says when the warm-up is over; what was measured follows as one line (`EngineAnswer`).
 */
import { Readiness } from "../commands/trading/readiness.ts";
import { SessionRecorder } from "../commands/trading/recorder.ts";
import { openRehearsal } from "../commands/trading/rehearsal.ts";
import { RuntimeWatch } from "../commands/trading/runtime_watch.ts";
import type { EngineOptions } from "../core/engine.ts";
import { HOLD, type Policy, WANT_DOWN, WANT_UP } from "../core/policy/policy.ts";
import { seededRandom } from "../core/random.ts";
import { DEFAULT_LIMITS } from "../core/risk/gate.ts";
import type { ExchangePort } from "../core/session.ts";
import { ms, type Usdc } from "../core/units.ts";
import { scaledClock } from "../feeds/clock.ts";
import { type LiveFeeds, openLive } from "../feeds/live.ts";
import { Secret } from "../feeds/keys/secret.ts";
import { openNetwork } from "../feeds/net/network.ts";
import { openCurve } from "../feeds/polymarket/signing/curve.ts";
import { simProfile } from "../feeds/venue_profile.ts";
import { SIM_CREDENTIALS } from "../fixtures/venue/service.ts";
import { cryptoRandom, type LiveStack, openLiveStack } from "../scripts/drill/live_stack.ts";
import type { EngineAnswer, Markets } from "./wire_figures.ts";
import { stampOf, wallMs } from "./wire_stamp.ts";

/** The public first key of Hardhat and Anvil; account 0 of the simulated venue. */
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/** Share of looks at a window that want something: one order a frame as a rule, about ten a second. */
const EAGER: Readonly<Record<Markets, number>> = { 1: 0.6, 4: 0.25, 8: 0.15 };
/** As often as `trade --live` looks at its gateway and at doubtful books. */
const LOOK_MS = 200;
const MAX_AGES = 4_000_000;
/** As `trade --live`. */
const FIRST_PASSES = 1_500;
const REHEARSE_EVERY_MS = 2;

/** What was added to make it faster and is left out now; names as in `wire.ts`. */
const without = (what: string): boolean =>
  (Deno.args[Deno.args.indexOf("--without") + 1] ?? "").split(",").includes(what);
const numberAfter = (flag: string): number => Number(Deno.args[Deno.args.indexOf(flag) + 1]);
const port = numberAfter("--port");
const seconds = numberAfter("--seconds");
const warmUpS = numberAfter("--warm-up");
const markets = numberAfter("--markets") as Markets;
const flood = simProfile(numberAfter("--flood"));
const apart = without("together");

/** The gateway without its way to take several orders at once. */
const apartOf = (exchange: ExchangePort): ExchangePort => ({
  observe: (event) => exchange.observe(event),
  advance: (now) => exchange.advance(now),
  submit: (intent, now) => exchange.submit(intent, now),
});

const clock = scaledClock(wallMs() + numberAfter("--ahead"), 1);
const folder = await Deno.makeTempDir({ prefix: "poly-edge-bench-" });
const random = seededRandom(5);
/** Wants now and then, at prices that nothing meets: every order goes out and none leaves a position. */
const policy: Policy = {
  name: "bench",
  needs: { fast: true, oracle: false, strike: false },
  decideEveryMs: 100,
  statesProbability: false,
  decide: () => random() < EAGER[markets] ? random() < 0.5 ? WANT_UP : WANT_DOWN : HOLD,
};
const curve = await openCurve(new Secret(crypto.getRandomValues(new Uint8Array(32))));
/** Of the orders that left, in their order. */
const salts: string[] = [];
let recorder: SessionRecorder | null = null;
const pump = () => recorder?.pump(ms(Math.max(clock.now(), recorder.lastEventMs)));
const stack: LiveStack = await openLiveStack({
  port,
  clock,
  account: { key: KEY, signatureType: 0, ...SIM_CREDENTIALS },
  folder,
  random: cryptoRandom,
  curve,
  ...(without("connections") ? {} : { connections: markets + 1 }),
  ...(without("direct") ? { network: openNetwork(null, { maxIdlePerHost: markets + 2 }) } : {}),
  onReady: pump,
  onLatency: (latency) => recorder?.wire(latency),
  wrapEntry: (entry) => ({
    ...entry,
    get mode() {
      return entry.mode;
    },
    submit: (body, options) => {
      const call = entry.submit(body, options);
      if (call.sent) salts.push(/"salt":"?(\d+)/.exec(body)?.[1] ?? "");
      return call;
    },
  }),
});
await stack.entry.warm();
await stack.gateway.start();
const engine: EngineOptions = {
  policy,
  sizing: { mode: "fixed", amount: 5_000_000 as Usdc },
  limits: { ...DEFAULT_LIMITS, maxSignalAgeMs: 2_000, stops: false },
  bankroll: 0 as Usdc,
  orderMaxAgeMs: 1_000,
  // Below the best offer: killed unmatched.
  slippageTicks: -8,
};
recorder = new SessionRecorder({
  engine,
  exchange: apart ? apartOf(stack.gateway) : stack.gateway,
  monotonicUs: () => clock.monotonicUs(),
});
const { orderLog } = recorder;
orderLog.measured = true;
pump();
const monotonicUs = (): number => clock.monotonicUs();
const rehearsal = without("rehearsal") ? null : await openRehearsal({
  engine: { ...engine, policy: { ...policy } },
  ...{ windows: markets, signatureType: 0, random: cryptoRandom, curve, monotonicUs },
  rehearse: (body) => {
    stack.gateway.refusal();
    stack.entry.rehearse?.(body);
  },
});
await rehearsal?.run(FIRST_PASSES);
const readiness = new Readiness({
  ...{ engine: recorder.engine, gateway: stack.gateway, rehearsal },
  ...{ signAhead: !without("ahead"), everyMs: REHEARSE_EVERY_MS },
  onFault: (error) => {
    throw error;
  },
});
const runtime = new RuntimeWatch(monotonicUs);

/** Ages of the frames acted on, ms: from being sent to the end of their step, or to the hand-over of their first order. */
const ages = { books: new Float64Array(MAX_AGES), changes: new Float64Array(MAX_AGES) };
const aged = { books: 0, changes: 0 };
/** Age of the frame that caused an order, by the order's place in the log. */
const orderAges = new Map<number, number>();
let receivedUs = NaN;
let handledUs = NaN;
let sentMs = NaN;
let kind: "books" | "changes" = "books";
let handled = 0;
let voids = 0;

function noteAge(ordersBefore: number): void {
  const first = orderLog.rows[ordersBefore];
  const until = first === undefined ? wallMs() : performance.timeOrigin + first.sentUs / 1_000;
  const age = until - sentMs;
  if (aged[kind] < MAX_AGES) ages[kind][aged[kind]++] = age;
  for (let i = ordersBefore; i < orderLog.rows.length; i++) orderAges.set(i, age);
}

/** Time that this thread waited for a core since it began, ms (Linux); NaN elsewhere. */
function waitedForCore(): number {
  try {
    return Number(Deno.readTextFileSync("/proc/self/schedstat").split(" ")[1]) / 1e6;
  } catch {
    return NaN;
  }
}

let opened: LiveFeeds | null = null;
const feeds = opened = await openLive({
  profile: {
    ...simProfile(port),
    futuresSocket: flood.futuresSocket,
    clobSocket: flood.clobSocket,
    spotSocket: flood.spotSocket,
    priceSocket: flood.priceSocket,
  },
  clock,
  assets: markets === 1 ? ["btc"] : ["btc", "eth", "sol", "xrp"],
  durations: markets === 8 ? ["5m", "15m"] : ["5m"],
  credentials: SIM_CREDENTIALS,
  log: { debug: () => {}, info: () => {}, warn: () => {} },
  signal: new AbortController().signal,
  onFrame: (feed, raw, _tReceive, atUs) => {
    handled++;
    receivedUs = atUs;
    sentMs = stampOf(raw);
    kind = feed === "polymarket.market" ? "changes" : "books";
    handledUs = clock.monotonicUs();
  },
  onEvents: (events) => {
    const before = orderLog.rows.length;
    recorder!.frame(events, receivedUs, handledUs);
    if (orderLog.rows.length > before) opened?.endTurn();
    if (!Number.isNaN(sentMs)) noteAge(before);
    for (const event of events) if (event.type === "tickSize" && event.oldTick === event.newTick) voids++;
    receivedUs = handledUs = sentMs = NaN;
  },
});
readiness.start(() => feeds.queue().waiting === 0);
const looking = setInterval(() => {
  stack.gateway.tick();
  pump();
  for (const token of recorder!.suspectTokens()) feeds.resync(token);
}, LOOK_MS);
const received = (): number => Object.values(feeds.metrics()).reduce((sum, { frames }) => sum + frames, 0);

await clock.sleep(ms(warmUpS * 1_000));
const began = {
  waited: waitedForCore(),
  at: performance.now(),
  frames: received(),
  handled,
  voids,
  notSent: new Map(recorder.engine.notSent),
  shed: feeds.queue().shed,
};
const firstOrder = orderLog.rows.length;
aged.books = aged.changes = 0;
console.log(JSON.stringify({ measuring: true }));
await clock.sleep(ms(seconds * 1_000));
const tookS = (performance.now() - began.at) / 1_000;
const coreWait = (waitedForCore() - began.waited) / (tookS * 1_000);
const endOrder = orderLog.rows.length;
const queue = feeds.queue();
const perSecond = (count: number): number => Math.round(count / tookS);
const rates = {
  received: perSecond(received() - began.frames),
  handled: perSecond(handled - began.handled),
  leftOut: perSecond(queue.shed - began.shed),
};
const refused = Object.fromEntries(
  [...recorder.engine.notSent].map(([code, count]) => [code, count - (began.notSent.get(code) ?? 0)] as const)
    .filter(([, count]) => count > 0),
);
const runtimeUs = runtime.report();
const running = [...recorder.engine.windows.values()].filter(({ instrument, winner }) =>
  winner === null && instrument.endMs > clock.now()
);
const untrusted = running.flatMap(({ down, up }) => [up, down]).filter((book) => !book.trusted).length;
clearInterval(looking);
runtime.close();
readiness.close();
rehearsal?.close();
await feeds.close();
// What is under way is answered first: an order without its stamps would count as never written.
await clock.sleep(ms(500));
await stack.gateway.stop();
await stack.close();
await Deno.remove(folder, { recursive: true });

const sorted = (values: Float64Array): Float64Array => values.toSorted();
const books = ages.books.subarray(0, aged.books);
const changes = ages.changes.subarray(0, aged.changes);
const both = new Float64Array(books.length + changes.length);
both.set(books);
both.set(changes, books.length);
const at = (values: Float64Array, share: number): number =>
  values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
const ageOf = (values: Float64Array) => {
  const inOrder = sorted(values);
  return { n: values.length, p50: at(inOrder, 0.5), p99: at(inOrder, 0.99), max: at(inOrder, 1) };
};
let left = 0;
const orders = orderLog.rows.flatMap((row, i) => {
  // Orders leave in the order in which the engine wished for them.
  const salt = row.writtenUs === null ? null : salts[left++] ?? "";
  if (i < firstOrder || i >= endOrder || salt === null) return [];
  return [{
    row,
    salt,
    ageMs: orderAges.get(i) ?? null,
    writtenMs: performance.timeOrigin + row.writtenUs! / 1_000,
  }];
});
const answer: EngineAnswer = {
  orders,
  unsent: endOrder - firstOrder - orders.length,
  ageMs: { all: ageOf(both), books: ageOf(books), changes: ageOf(changes) },
  mostWaiting: queue.most,
  rates,
  untrusted,
  voids: voids - began.voids,
  refused,
  coreWait: Number.isNaN(coreWait) ? null : coreWait,
  runtime: runtimeUs,
};
console.log(JSON.stringify(answer));
Deno.exit(0);

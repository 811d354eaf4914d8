/**
 * From a frame to an order's bytes, stage by stage, with everything real: sockets, codecs, engine, gate, signature, synced
 * journal, order entry; the simulated venue runs in a process of its own at the speed of life, four assets with windows of
 * 5 and 15 minutes. What left is compared with when the venue had it, by the same machine's clock.
 *
 * `--apart` writes and syncs each order's row by itself, as it was before the rows of one step shared a sync.
 *
 * Run: deno task bench:wire [--seconds 60] [--markets 1|4|8] [--apart] [--json]
 * Exit 1 when the median from the frame to the bytes, without the journal's sync, is over 500 us, or an order is missing.
 */
import { table } from "../commands/output.ts";
import type { OrderStamps } from "../commands/trading/order_stamps.ts";
import { SessionRecorder } from "../commands/trading/recorder.ts";
import { RuntimeWatch } from "../commands/trading/runtime_watch.ts";
import { HOLD, type Policy, WANT_DOWN, WANT_UP } from "../core/policy/policy.ts";
import { seededRandom } from "../core/random.ts";
import { DEFAULT_LIMITS } from "../core/risk/gate.ts";
import type { ExchangePort } from "../core/session.ts";
import { ms, type Usdc } from "../core/units.ts";
import { scaledClock } from "../feeds/clock.ts";
import { openLive } from "../feeds/live.ts";
import { simProfile } from "../feeds/venue_profile.ts";
import { SIM_CREDENTIALS } from "../fixtures/venue/service.ts";
import { cryptoRandom, type LiveStack, openLiveStack } from "../scripts/drill/live_stack.ts";

/** The public first key of Hardhat and Anvil; account 0 of the simulated venue. */
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const MOST_US = 500;
const WARM_UP_S = 8;
/** Share of looks at a window that want something: one order a frame as a rule. */
const EAGER = 0.15;

const at = Deno.args.indexOf("--seconds");
const seconds = Number(at < 0 ? 60 : Deno.args[at + 1]);
if (!(seconds >= 5 && seconds <= 3_600)) {
  console.error("Cannot use --seconds as given: a number from 5 to 3600 is needed");
  Deno.exit(2);
}

const marketsAt = Deno.args.indexOf("--markets");
const markets = Number(marketsAt < 0 ? 8 : Deno.args[marketsAt + 1]);
if (markets !== 1 && markets !== 4 && markets !== 8) {
  console.error("Cannot use --markets as given: 1, 4 or 8 is needed");
  Deno.exit(2);
}
const apart = Deno.args.includes("--apart");
/** The gateway without its way to take several orders at once. */
const apartOf = (port: ExchangePort): ExchangePort => ({
  observe: (event) => port.observe(event),
  advance: (now) => port.advance(now),
  submit: (intent, now) => port.submit(intent, now),
});

const venue = new Deno.Command(Deno.execPath(), {
  args: ["run", "-q", "-A", "--no-check", new URL("./wire_venue.ts", import.meta.url).pathname],
  stdin: "piped",
  stdout: "piped",
}).spawn();
const said = venue.stdout.pipeThrough(new TextDecoderStream()).getReader();
const asking = venue.stdin.getWriter();

async function line(): Promise<string> {
  let text = "";
  while (!text.endsWith("\n")) {
    const { value, done } = await said.read();
    if (done) throw new Error("the venue is gone");
    text += value;
  }
  return text;
}

const { port, venueMs, wallMs } = JSON.parse(await line()) as Record<"port" | "venueMs" | "wallMs", number>;
const clock = scaledClock(venueMs + Date.now() - wallMs, 1);
const toWall = (us: number): number => performance.timeOrigin + us / 1_000;
const folder = await Deno.makeTempDir({ prefix: "poly-edge-bench-" });
const random = seededRandom(5);
/** Wants now and then, at prices that nothing meets: every order goes out and none leaves a position. */
const policy: Policy = {
  name: "bench",
  needs: { fast: true, oracle: false, strike: false },
  decideEveryMs: 100,
  statesProbability: false,
  decide: () => random() < EAGER ? random() < 0.5 ? WANT_UP : WANT_DOWN : HOLD,
};
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
recorder = new SessionRecorder({
  engine: {
    policy,
    sizing: { mode: "fixed", amount: 5_000_000 as Usdc },
    limits: { ...DEFAULT_LIMITS, maxSignalAgeMs: 2_000, stops: false },
    bankroll: 0 as Usdc,
    orderMaxAgeMs: 1_000,
    // Below the best offer: killed unmatched.
    slippageTicks: -8,
  },
  exchange: apart ? apartOf(stack.gateway) : stack.gateway,
  monotonicUs: () => clock.monotonicUs(),
});
recorder.orderLog.measured = true;
pump();
const runtime = new RuntimeWatch(() => clock.monotonicUs());
let receivedUs = NaN;
let handledUs = NaN;
let frames = 0;
const feeds = await openLive({
  profile: simProfile(port),
  clock,
  assets: markets === 1 ? ["btc"] : ["btc", "eth", "sol", "xrp"],
  durations: markets === 8 ? ["5m", "15m"] : ["5m"],
  credentials: SIM_CREDENTIALS,
  log: { debug: () => {}, info: () => {}, warn: () => {} },
  signal: new AbortController().signal,
  onFrame: (_feed, _raw, _tReceive, us) => {
    frames++;
    receivedUs = us;
    handledUs = clock.monotonicUs();
  },
  onEvents: (events) => {
    recorder!.frame(events, receivedUs, handledUs);
    receivedUs = handledUs = NaN;
  },
});
await clock.sleep(ms(WARM_UP_S * 1_000));
const skipped = recorder.orderLog.rows.length;
const beganFrames = frames;
await clock.sleep(ms(seconds * 1_000));
const perSecond = Math.round((frames - beganFrames) / seconds);
const runtimeUs = runtime.report();
runtime.close();
await feeds.close();
await stack.gateway.stop();
await stack.close();
await asking.write(new TextEncoder().encode("arrivals\n"));
const arrivals = JSON.parse(await line()) as Record<string, number>;
await asking.close();
await venue.status;
await Deno.remove(folder, { recursive: true });

// Orders left in the order in which the engine wished for them.
const sent = recorder.orderLog.rows.filter(({ writtenUs }) => writtenUs !== null);
const rows = sent.map((row, i) => ({ row, salt: salts[i]! })).slice(skipped);
const COLUMNS = {
  receive: ({ receivedUs, handledUs }) => handledUs - receivedUs,
  decode: ({ handledUs, decodedUs }) => decodedUs - handledUs,
  decide: ({ decodedUs, takenUs }) => takenUs! - decodedUs,
  sign: ({ takenUs, signedUs }) => signedUs! - takenUs!,
  journal: ({ signedUs, journalledUs }) => journalledUs! - signedUs!,
  write: ({ journalledUs, writtenUs }) => writtenUs! - journalledUs!,
  "tick to wire": ({ receivedUs, writtenUs }) => writtenUs! - receivedUs,
  "without sync": (row) => row.writtenUs! - row.receivedUs - (row.journalledUs! - row.signedUs!),
} as const satisfies Record<string, (row: OrderStamps) => number>;
const byFrame = rows.filter(({ row }) => row.handledUs > row.receivedUs);
const stages = Object.entries(COLUMNS).map(([name, of]) => ({
  name,
  values: byFrame.map(({ row }) => of(row)),
}));
const missing = rows.filter(({ salt }) => arrivals[salt] === undefined).length;
const flights = rows.flatMap(({ row, salt }) => {
  const there = arrivals[salt];
  return there === undefined ? [] : [(there - toWall(row.writtenUs!)) * 1_000];
});
stages.push({ name: "written to venue", values: flights });
const percentile = (sorted: readonly number[], share: number): number =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
const figures = stages.map(({ name, values }) => {
  const sorted = values.toSorted((a, b) => a - b);
  const [p50, p90, p99] = [0.5, 0.9, 0.99].map((share) => percentile(sorted, share));
  return {
    stage: name,
    n: sorted.length,
    p50Us: p50!,
    p90Us: p90!,
    p99Us: p99!,
    maxUs: percentile(sorted, 1),
  };
});
const total = figures.find(({ stage }) => stage === "without sync")!;
const ok = missing === 0 && total.n > 0 && total.p50Us <= MOST_US;
if (Deno.args.includes("--json")) {
  const data = {
    ...{ seconds, markets, apart, framesPerSecond: perSecond, orders: rows.length, missing },
    ...{ stages: figures, runtime: runtimeUs },
  };
  console.log(JSON.stringify({ schema: "poly-edge/1", command: "bench wire", ok, data }));
} else {
  console.log(table({
    head: ["stage", "orders", "p50 us", "p90 us", "p99 us", "max us"],
    align: ["left", "right", "right", "right", "right", "right"],
    color: Deno.stdout.isTerminal() && !Deno.noColor,
    rows: figures.map((row) => Object.values(row).map(String)),
  }));
  console.log(
    `${rows.length} orders in ${seconds} s, ${byFrame.length} caused by a frame, ${missing} never seen by the venue; ` +
      `${perSecond} frames a second; loop lag p99 ${runtimeUs.loopLagUs?.p99 ?? 0} us, collector ` +
      `${runtimeUs.gcTotalMs.toFixed(0)} ms in ${runtimeUs.gcPauseUs?.n ?? 0} pauses, the longest ` +
      `${runtimeUs.gcPauseUs?.max ?? 0} us`,
  );
}
Deno.exit(ok ? 0 : 1);

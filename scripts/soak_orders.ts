/**
 * `deno task soak:orders [--minutes 5] [--orders 50] [--cancels 50] [--matches 5] [--tier bronze] [--json]`: a load of orders
 * and cancels through the live stack, in a process of its own, before the simulated venue at the speed of life. `--orders`
 * rest until they are cancelled, `--matches` are market orders besides, so that trades come to their end as well. Bronze is
 * the lowest of the venue's tiers that lets 50 orders and 50 cancels a second through with room to spare (Copper's cancels were
 * quoted as 50); whatever the tier, what is over it must be refused by our own budget before a byte leaves, so that the venue
 * never answers 429. Nothing may be lost, and memory may not grow. Exit 1 otherwise.
 */
import { Wallet as EthersWallet } from "ethers";
import { table } from "../commands/output.ts";
import { windowStart } from "../core/market/window.ts";
import { SIGNER_TIERS, type SignerTier, TIER_NAMES } from "../core/orders/buckets.ts";
import { ms } from "../core/units.ts";
import { journalPath } from "../feeds/journal/journal.ts";
import { openAccount } from "../fixtures/exchange/accounts.ts";
import { makeListing } from "../fixtures/market/listing.ts";
import { startVenue } from "../fixtures/venue/venue.ts";
import { Child } from "./drill/child.ts";
import { keyOf } from "./drill/crash_lane.ts";
import { compareWith, countOf } from "./drill/crash_truth.ts";
import { readFacts } from "./drill/journal_facts.ts";
import { instrumentOf } from "./drill/live_stack.ts";
import type { LoadSample, LoadSays, LoadSpec } from "./drill/load_trader.ts";

const SEED = 17;
const START_MS = Date.UTC(2026, 10, 21, 9, 0);
const OPENING = 10_000_000_000;
/** Growth of the heap, collected, between the first third and the end. */
const MAX_GROWTH = 0.03;
/** After a minute and a half as many orders are put away as are made: before it memory fills up, and is not compared. */
const FULL_AFTER_SAMPLES = 18;
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 120_000;

function readOptions(args: readonly string[]) {
  const valueOf = (name: string, usual: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? usual : Number(args[at + 1]);
  };
  const options = {
    minutes: valueOf("--minutes", 5),
    ordersPerSecond: valueOf("--orders", 50),
    cancelsPerSecond: valueOf("--cancels", 50),
    matchesPerSecond: valueOf("--matches", 5),
    tier: args.includes("--tier") ? args[args.indexOf("--tier") + 1] as SignerTier : "bronze",
    json: args.includes("--json"),
  };
  const { minutes, ordersPerSecond, cancelsPerSecond, matchesPerSecond, tier } = options;
  const known = new Set(["--minutes", "--orders", "--cancels", "--matches", "--tier", "--json"]);
  const unknown = args.find((arg) => arg.startsWith("--") && !known.has(arg));
  const fits = minutes >= 0.1 && minutes <= 1_440 && ordersPerSecond >= 1 && ordersPerSecond <= 1_000 &&
    cancelsPerSecond >= 1 && cancelsPerSecond <= 1_000 && matchesPerSecond >= 0 && matchesPerSecond <= 100 &&
    TIER_NAMES.includes(tier);
  if (unknown !== undefined || !fits) {
    console.error(
      `Cannot use ${
        unknown ?? "these options"
      }: known are --minutes 0.1..1440, --orders and --cancels 1..1000, --matches 0..100, --tier ${
        TIER_NAMES.join(" | ")
      }, --json`,
    );
    Deno.exit(2);
  }
  return options;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

async function main(): Promise<number> {
  const { minutes, ordersPerSecond, cancelsPerSecond, matchesPerSecond, tier, json } = readOptions(Deno.args);
  const venue = await startVenue({
    seed: SEED,
    speed: 1,
    startMs: START_MS,
    assets: ["btc"],
    historyHours: 1,
    tier,
  });
  const { state, limits } = venue.exchange;
  let refusedByVenue = 0;
  const take = limits.take;
  limits.take = (...about) => {
    const admission = take(...about);
    if (!admission.ok) refusedByVenue++;
    return admission;
  };
  const folder = await Deno.makeTempDir({ prefix: "poly-edge-soak-" });
  const key = keyOf(SEED, 0);
  const owner = new EthersWallet(key).address;
  const wallet = openAccount(state, { owner, type: 3, pusd: OPENING, approved: true });
  const { apiKey, secret, passphrase } = state.credentials.create(owner, "0")!;
  const spec: LoadSpec = {
    ...{ port: venue.port, speed: 1, venueMs: venue.now(), wallMs: Date.now(), folder },
    account: { key, signatureType: 3, apiKey, secret, passphrase },
    markets: [instrumentOf(makeListing(SEED, "btc", "4h", windowStart("4h", ms(venue.now() + 14_400_000))))],
    ...{ ordersPerSecond, cancelsPerSecond, matchesPerSecond, tier },
  };
  const samples: LoadSample[] = [];
  const child = new Child<LoadSays>(
    new URL("./drill/load_trader.ts", import.meta.url).pathname,
    ["--v8-flags=--expose-gc"],
    (what) => void (what.type === "sample" && samples.push(what)),
  );
  child.send(JSON.stringify(spec));
  await child.heard("started", READY_WITHIN_MS);
  const over = new Promise<"over">((resolve) => setTimeout(() => resolve("over"), minutes * 60_000));
  const died = await Promise.race([over, child.ended]);
  child.send("stop");
  const stopped = died === "over" ? (await child.heard("stopped", STOP_WITHIN_MS)).report : null;
  await child.ended;
  const facts = readFacts(journalPath(`${folder}/journal`, wallet.address));
  const { differences, orders } = compareWith(state, wallet, facts, OPENING);
  await venue.close();
  const last = samples.at(-1);
  const seconds = minutes * 60;
  const loaded = samples.slice(0, -2);
  const third = Math.max(1, Math.floor(loaded.length / 3));
  const sixth = Math.max(1, Math.floor(third / 2));
  const from = Math.min(Math.max(third, FULL_AFTER_SAMPLES), Math.max(third, loaded.length - 2 * sixth));
  const early = loaded.slice(from, from + sixth);
  const late = loaded.slice(-sixth);
  const of = (
    part: readonly LoadSample[],
    name: "heap" | "external" | "rss" | "submitP50Us" | "submitP99Us",
  ) => median(part.map((sample) => sample[name]));
  const growth = of(late, "heap") / of(early, "heap") - 1;
  const rate = (count = 0): number => Math.round(count / seconds * 10) / 10;
  const allowed = SIGNER_TIERS[tier].orders.perSecond >= ordersPerSecond + matchesPerSecond &&
    SIGNER_TIERS[tier].cancels.perSecond >= cancelsPerSecond;
  const figures = {
    minutes,
    tier,
    machineLoad: Deno.loadavg().map((load) => Math.round(load * 10) / 10),
    wished: last?.wished ?? 0,
    sent: last?.sent ?? 0,
    sentPerSecond: rate(last?.sent),
    wishedCancels: last?.wishedCancels ?? 0,
    cancels: last?.cancels ?? 0,
    cancelsPerSecond: rate(last?.cancels),
    refused: last?.refused ?? {},
    refusedByVenue,
    ordersAtVenue: orders,
    trades: facts.trades,
    kept: loaded.at(-1)?.kept ?? null,
    submitP50Us: of(loaded, "submitP50Us"),
    submitP99Us: { median: of(loaded, "submitP99Us"), worst: Math.max(...loaded.map((s) => s.submitP99Us)) },
    heap: [of(early, "heap"), of(late, "heap")],
    growth: Math.round(growth * 10_000) / 10_000,
    external: [of(early, "external"), of(late, "external")],
    rss: [of(early, "rss"), of(late, "rss")],
    journalRows: facts.rows,
  };
  const checks: readonly (readonly [string, boolean])[] = [
    ["the load was carried to its end", stopped !== null && figures.sentPerSecond > 0],
    ["the venue refused nothing for its budget", refusedByVenue === 0],
    [
      "only our own budget refused",
      Object.keys(figures.refused).every((code) => code === "ORDER_BUDGET_EMPTY" || code === "VENUE_LIMITED"),
    ],
    [
      "every wish went out, where the tier allows that many",
      !allowed || figures.sent === figures.wished && figures.ordersAtVenue === figures.sent,
    ],
    ["every order is known to both, ended once, ledgers equal", countOf(differences) === 0],
    ["nothing open, nothing unknown", stopped?.proved === true && stopped.unknown.length === 0],
    ["no alarm", last !== undefined && last.alarms.length === 0],
    [`heap grew by less than ${MAX_GROWTH * 100} %`, growth < MAX_GROWTH],
  ];
  const ok = checks.every(([, holds]) => holds);
  if (json) {
    const data = { ...figures, checks: Object.fromEntries(checks), differences, samples };
    console.log(JSON.stringify({ schema: "poly-edge/1", command: "soak orders", ok, data }));
  } else {
    console.log(table({
      head: ["figure", "value"],
      align: ["left", "right"],
      color: Deno.stdout.isTerminal() && !Deno.noColor,
      rows: Object.entries(figures).map(([name, value]) => [name, JSON.stringify(value)]),
    }));
    for (const [name, holds] of checks) console.log(`${holds ? "ok  " : "FAIL"} ${name}`);
    if (countOf(differences) > 0) console.log(JSON.stringify(differences).slice(0, 2_000));
    for (const alarm of last?.alarms.slice(0, 5) ?? []) console.log(`alarm ${alarm}`);
  }
  await Deno.remove(folder, { recursive: true });
  return ok ? 0 : 1;
}

Deno.exit(await main());

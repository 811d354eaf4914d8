/** `poly-edge latency-probe`: the legs between tick and order, a verdict against the budget, and the model backtests use. */
import { dirname, join } from "node:path";
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import type { Ms } from "../core/units.ts";
import { openNetwork } from "../feeds/net/network.ts";
import { measureClients } from "../feeds/probe/clients.ts";
import { LEGS, measureLegs } from "../feeds/probe/legs.ts";
import { asVenueError } from "../feeds/venue_error.ts";
import type { VenueProfile } from "../feeds/venue_profile.ts";
import { accountFlags, accountOptions, openAccount } from "./account.ts";
import type { CommandContext, CommandResult, OpenVenue } from "./command.ts";
import { parseCount, parseSpan } from "./parse.ts";
import { type FeedAges, measureFeeds } from "./probe/feeds.ts";
import { measureJournal, measureSign } from "./probe/local.ts";
import { numbersOfMs } from "./probe/numbers.ts";
import { chooseWindow, measureOrders, type OrderTimes } from "./probe/orders.ts";
import { budgetOf, PROBE_SCHEMA, type ProbeResult, readProbe } from "./probe/result.ts";
import { compareProbes, compareText, probeText } from "./probe/text.ts";
import { attach, examples } from "./run.ts";
import { arm } from "./trading/arming.ts";
import type { StageNumbers } from "./trading/latency.ts";
import { openVenueClock, type VenueClock } from "./venue_clock.ts";

const DEFAULT_SAMPLES = "50";
const DEFAULT_FOR = "10s";
/** Connections opened for the legs and for cold requests: each costs the venue a handshake. */
const MOST_CONNECTIONS = 10;
const DEADLINE_MS = 5000;

/** Adds `latency-probe` to the program. */
export function register(program: Command): void {
  attach(
    accountFlags(program.command("latency-probe"))
      .description("measure the way from tick to order, judge it by the budget, save it for backtests")
      .argument("[compare]", "`compare A B`: two saved probes beside each other")
      .argument("[files...]", "files of two probes, for compare")
      .option("--samples <n>", "round trips, signatures, rows and orders to measure", DEFAULT_SAMPLES)
      .option("--for <time>", "how long to listen to the feeds", DEFAULT_FOR)
      .option("--out <file>", "save the result here (default: latency/ in the data folder)")
      .option("--label <text>", "name of this host or region in the result", "here")
      .option("--compare-proxies <list>", "proxy URLs to measure beside the configured way")
      .option("--orders", "send and cancel post-only orders too; needs arming, see docs/live.md")
      .option("--yes", "with --orders: do not ask again")
      .addHelpText(
        "after",
        examples([
          "latency-probe --venue sim --samples 20 --for 5s",
          "latency-probe --label dublin --out dublin.json",
          "latency-probe --orders --samples 10 --yes",
          "latency-probe compare frankfurt.json dublin.json",
          "backtest tapes/btc5m --latency dublin.json",
        ]),
      ),
    "latency-probe",
    run,
    { proxy: true },
  );
}

const monotonicUs = (): number => performance.now() * 1000;

function run(ctx: CommandContext, args: string[], options: Record<string, unknown>): Promise<CommandResult> {
  if (args.length === 0) return probe(ctx, options);
  const [word, a, b] = args;
  if (word !== "compare" || a === undefined || b === undefined || args.length !== 3) {
    throw new OperationError({
      code: "USAGE",
      message: `Cannot read the arguments: ${args.join(" ")}`,
      hint: "Nothing, or: compare A B",
      exit: 2,
    });
  }
  const [left, right] = [readProbe(a), readProbe(b)];
  return Promise.resolve({
    data: { a: summary(left), b: summary(right), stages: compareProbes(left, right) },
    text: compareText(left, right, ctx.color),
  });
}

const summary = ({ at, budget, label, venue, verdict }: ProbeResult) => ({
  ...{ at, label, venue, verdict },
  totalP50Ms: budget.totalP50Ms,
  totalP95Ms: budget.totalP95Ms,
});

/** A light answer of each service. */
const hostsOf = (profile: VenueProfile): readonly (readonly [name: string, url: string])[] => [
  ["clob", `${profile.clob}/time`],
  ["futures", `${profile.futuresRest}/fapi/v1/time`],
  ["spot", `${profile.spotRest}/api/v3/time`],
  ["deribit", `${profile.deribitRest}/api/v2/public/get_time`],
];

class StageList {
  readonly stages: Record<string, StageNumbers> = {};

  add(name: string, ms: readonly number[]): void {
    const numbers = numbersOfMs(ms);
    if (numbers !== null) this.stages[name] = numbers;
  }
}

/** Legs to every host. A host that does not answer is a warning; without the order host there is no verdict. */
async function legs(
  ctx: CommandContext,
  profile: VenueProfile,
  samples: number,
  list: StageList,
): Promise<void> {
  if (ctx.config.network.proxy !== "") {
    ctx.warn({
      code: "PROBE_LEGS_SKIPPED",
      message: "Lookup, TCP and TLS are not measured through a proxy: they would go round it.",
    });
    return;
  }
  for (const [name, url] of hostsOf(profile)) {
    try {
      const times = await measureLegs({
        url,
        connections: Math.min(samples, MOST_CONNECTIONS),
        roundTrips: samples,
        deadlineMs: DEADLINE_MS + samples * 500,
        signal: ctx.signal,
        monotonicUs,
      });
      for (const leg of LEGS) list.add(`${name}.${leg}`, times[leg]);
    } catch (error) {
      ctx.signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      ctx.warn({ code: "PROBE_HOST_SILENT", message: `${name} was not measured: ${message}` });
    }
  }
}

const withoutLogin = (proxy: string | null): string | null => {
  if (proxy === null) return null;
  const { host, protocol } = new URL(proxy);
  return `${protocol}//${host}`;
};

function proxiesOf(ctx: CommandContext, text: unknown): (string | null)[] {
  const configured = ctx.config.network.proxy === "" ? null : ctx.config.network.proxy;
  const more = typeof text === "string"
    ? text.split(",").map((one) => one.trim()).filter((one) => one !== "")
    : [];
  for (const one of more) {
    if (!/^(https?|socks5h?):\/\/[^\s/]+\/?$/.test(one) || !URL.canParse(one)) {
      throw new OperationError({
        code: "USAGE",
        message: "Cannot read --compare-proxies as a list of proxy URLs",
        hint: "For example: http://127.0.0.1:3128,socks5://127.0.0.1:1080",
        exit: 2,
      });
    }
  }
  return [configured, ...more];
}

interface Heard {
  readonly clients: Awaited<ReturnType<typeof measureClients>>;
  readonly feeds: FeedAges;
  readonly offset: { readonly clockOffsetMs: number | null; readonly roundTripMs: number | null };
}

interface Wanted {
  readonly samples: number;
  readonly forMs: Ms;
  readonly proxies: readonly (string | null)[];
}

/** Everything that needs no account. */
async function listen(
  ctx: CommandContext,
  venue: OpenVenue,
  wanted: Wanted,
  list: StageList,
): Promise<Heard> {
  const { forMs, proxies, samples } = wanted;
  const { profile } = venue;
  const network = openNetwork(ctx.config.network.proxy);
  let clock: VenueClock | null = null;
  try {
    clock = await openVenueClock(ctx, venue, network);
    const offset = clock.data();
    await legs(ctx, profile, samples, list);
    const clients = await measureClients({
      url: `${profile.clob}/time`,
      warmSamples: samples,
      coldSamples: Math.min(samples, MOST_CONNECTIONS),
      ...{ proxies, deadlineMs: DEADLINE_MS, signal: ctx.signal, monotonicUs },
    });
    list.add("clob.warm", clients.find((of) => of.state === "warm" && of.version === "HTTP/1.1")?.ms ?? []);
    const feeds = await measureFeeds(ctx, venue, network, forMs);
    for (const [feed, ages] of feeds.ages) list.add(`feed.${feed}`, ages);
    return { clients, feeds, offset };
  } catch (error) {
    throw asVenueError(error, profile);
  } finally {
    await clock?.close();
    network.close();
  }
}

async function probe(ctx: CommandContext, options: Record<string, unknown>): Promise<CommandResult> {
  const samples = parseCount(String(options["samples"]), "--samples", 1, 10_000);
  const forMs = parseSpan(String(options["for"]), "--for");
  const proxies = proxiesOf(ctx, options["compareProxies"]);
  // Armed first: who is not armed need not wait for the measuring to hear it.
  const account = options["orders"] === true
    ? await openAccount(ctx, { ...accountOptions(options), unlock: true, closeOnAbort: false })
    : null;
  try {
    if (account !== null) await arm(ctx, account, options["yes"] === true);
    const venue = account?.venue ?? await ctx.venue();
    const list = new StageList();
    const { clients, feeds, offset } = await listen(ctx, venue, { samples, forMs, proxies }, list);
    list.add("sign", await measureSign(samples, monotonicUs));
    list.add("journal", await measureJournal(ctx, samples, monotonicUs));
    ctx.signal.throwIfAborted();
    let orders: OrderTimes | null = null;
    if (account !== null) {
      const instrument = chooseWindow(feeds.instruments, venue.clock.now());
      orders = await measureOrders(ctx, account, instrument, samples);
      for (const name of ["order", "cancel", "sign", "journal"] as const) list.add(name, orders[name]);
    }
    const result: ProbeResult = {
      schema: PROBE_SCHEMA,
      at: new Date(ctx.startedAt).toISOString(),
      label: String(options["label"]),
      venue: venue.profile.name,
      ...offset,
      stages: { ...list.stages },
      clients: clients.map(({ failure, ms, proxy, state, version }) => ({
        ...{ version, state, failure, proxy: withoutLogin(proxy), numbers: numbersOfMs(ms) },
      })),
      orders: orders !== null,
      ...budgetOf(list.stages, ctx.config.latency),
    };
    return finish(ctx, result, orders, options["out"]);
  } finally {
    await account?.close();
  }
}

/** 5: orders may be open; 3: over the budget. */
function finish(
  ctx: CommandContext,
  result: ProbeResult,
  orders: OrderTimes | null,
  out: unknown,
): CommandResult {
  const stamp = result.at.replace(/[-:]/g, "").replace(/\.\d+/, "");
  const path = typeof out === "string" ? out : join(ctx.dataDir, "latency", `${stamp}.json`);
  try {
    if (typeof out !== "string") Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, `${JSON.stringify(result, null, 1)}\n`);
  } catch (cause) {
    throw new OperationError({
      code: "LATENCY_OUT_FAILED",
      message: `Cannot write the probe to ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Choose a path in a folder that exists and can be written.",
      cause,
    });
  }
  const left = orders !== null && (!orders.end.proved || orders.end.openAfter.length > 0);
  if (left) {
    ctx.warn({
      code: "OPEN_ORDERS_LEFT",
      message: "It is not proved that no order of the probe is open. Run: poly-edge cancel-all",
    });
  }
  const exit = left ? 5 as const : result.verdict === "no-go" ? 3 as const : 0 as const;
  return {
    data: { ...result, saved: path },
    text: probeText(result, path, ctx.color),
    ...(exit === 0 ? {} : { exit }),
  };
}

/** `poly-edge latency-probe`: the legs between tick and order, a verdict against the budget, and the model backtests use. */
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";
import { OperationError } from "../core/errors.ts";
import type { Ms } from "../core/units.ts";
import { type Network, openNetwork } from "../feeds/net/network.ts";
import { asVenueError } from "../feeds/venue_error.ts";
import { accountFlags, accountOptions, type OpenAccount, openAccount } from "./account.ts";
import type { CommandContext, CommandResult, OpenVenue } from "./command.ts";
import { spanText } from "./output.ts";
import { parseCount, parseSpan } from "./parse.ts";
import { type FeedAges, measureFeeds } from "./probe/feeds.ts";
import { measureJournal, measureSign } from "./probe/local.ts";
import {
  measureNetwork,
  type NetworkFindings,
  nothingToJudge,
  type ProbeWays,
  proxiesOf,
} from "./probe/network.ts";
import { chooseWindow, measureOrders, type OrderTimes } from "./probe/orders.ts";
import { budgetOf, PROBE_SCHEMA, type ProbeResult, readProbe } from "./probe/result.ts";
import { StageList } from "./probe/stage_list.ts";
import { compareProbes, compareText, type Measured, measuredText, probeText } from "./probe/text.ts";
import { attach, examples } from "./run.ts";
import { arm } from "./trading/arming.ts";
import { openVenueClock, type VenueClock } from "./venue_clock.ts";

const DEFAULT_SAMPLES = "50";
const DEFAULT_FOR = "10s";

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
      .option("--compare-proxies <list>", "proxies to measure beside the configured way: URLs, or `direct`")
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

interface Heard {
  readonly network: NetworkFindings;
  readonly feeds: FeedAges;
  readonly offset: { readonly clockOffsetMs: number | null; readonly roundTripMs: number | null };
}

interface Wanted extends ProbeWays {
  readonly forMs: Ms;
}

/** Ages of the feeds; feeds that cannot be opened are a warning, and the rest of the probe goes on. */
async function hear(
  ctx: CommandContext,
  venue: OpenVenue,
  network: Network,
  forMs: Ms,
  list: StageList,
): Promise<FeedAges> {
  const nothing: FeedAges = { ages: new Map(), instruments: [] };
  let why = "it sent nothing with a time of its own";
  let feeds = nothing;
  try {
    feeds = await measureFeeds(ctx, venue, network, forMs);
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!(error instanceof OperationError)) throw error;
    why = error.message;
  }
  for (const [feed, ages] of feeds.ages) list.add(`feed.${feed}`, ages);
  ctx.signal.throwIfAborted();
  if (!list.has("feed.polymarket.market")) {
    ctx.warn({ code: "PROBE_NO_FEED_AGE", message: `The age of the book was not measured: ${why}` });
  }
  return feeds;
}

/** Everything that needs no account. */
async function listen(
  ctx: CommandContext,
  venue: OpenVenue,
  wanted: Wanted,
  list: StageList,
): Promise<Heard> {
  const { forMs } = wanted;
  const network = openNetwork(ctx.config.network.proxy);
  const progress = ctx.progress("latency-probe");
  let clock: VenueClock | null = null;
  try {
    clock = await openVenueClock(ctx, venue, network);
    const offset = clock.data();
    const findings = await measureNetwork(ctx, venue.profile, wanted, list, progress);
    progress.update(5, 6, `listening to the feeds for ${spanText(forMs)}`);
    return { network: findings, feeds: await hear(ctx, venue, network, forMs, list), offset };
  } catch (error) {
    throw asVenueError(error, venue.profile);
  } finally {
    progress.stop();
    await clock?.close();
    network.close();
  }
}

/** Real orders. When they fail, what was measured before is shown all the same. */
async function sendOrders(
  ctx: CommandContext,
  account: OpenAccount,
  feeds: FeedAges,
  samples: number,
  list: StageList,
  measured: Measured,
): Promise<OrderTimes> {
  try {
    const instrument = chooseWindow(feeds.instruments, account.venue.clock.now());
    const orders = await measureOrders(ctx, account, instrument, samples);
    const sent = orders.order.length;
    if (ctx.signal.aborted && sent < samples) {
      ctx.warn({
        code: "STOPPED",
        message: `Stopped after ${sent} of ${samples} orders: the figures are theirs.`,
      });
    }
    for (const name of ["order", "cancel", "sign", "journal"] as const) list.add(name, orders[name]);
    return orders;
  } catch (error) {
    ctx.print(measuredText(measured, ctx.color));
    throw error;
  }
}

async function probe(ctx: CommandContext, options: Record<string, unknown>): Promise<CommandResult> {
  const samples = parseCount(String(options["samples"]), "--samples", 1, 10_000);
  const forMs = parseSpan(String(options["for"]), "--for");
  const proxies = proxiesOf(ctx, options["compareProxies"]);
  checkOut(options["out"]);
  // Armed first: who is not armed need not wait for the measuring to hear it.
  const account = options["orders"] === true
    ? await openAccount(ctx, { ...accountOptions(options), unlock: true, closeOnAbort: false })
    : null;
  try {
    if (account !== null) await arm(ctx, account, options["yes"] === true);
    const venue = account?.venue ?? await ctx.venue();
    const list = new StageList();
    const { feeds, network, offset } = await listen(ctx, venue, { samples, forMs, proxies }, list);
    const { clients, hosts, orderHostFailure } = network;
    list.add("sign", await measureSign(samples, monotonicUs));
    list.add("journal", await measureJournal(ctx, samples, monotonicUs));
    ctx.signal.throwIfAborted();
    const measured = { stages: { ...list.stages }, hosts, clients };
    if (orderHostFailure !== null) {
      ctx.print(measuredText(measured, ctx.color));
      throw nothingToJudge(orderHostFailure, venue.profile, { ...offset, ...measured });
    }
    const orders = account === null ? null : await sendOrders(ctx, account, feeds, samples, list, measured);
    const result: ProbeResult = {
      schema: PROBE_SCHEMA,
      at: new Date(ctx.startedAt).toISOString(),
      label: String(options["label"]),
      venue: venue.profile.name,
      ...offset,
      ...measured,
      stages: { ...list.stages },
      orders: list.has("order"),
      ...budgetOf(list.stages, ctx.config.latency),
    };
    return finish(ctx, result, orders, options["out"]);
  } finally {
    await account?.close();
  }
}

const outFailed = (path: string, cause: unknown): OperationError =>
  new OperationError({
    code: "LATENCY_OUT_FAILED",
    message: `Cannot write the probe to ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: "Choose a path in a folder that exists and can be written.",
    cause,
  });

/** Before anything is measured: a result that cannot be kept is not worth the wait. Throws LATENCY_OUT_FAILED. */
function checkOut(out: unknown): void {
  if (typeof out !== "string") return;
  try {
    if (!Deno.statSync(dirname(out)).isDirectory) throw new Error(`${dirname(out)} is no folder`);
    const names = [...Deno.readDirSync(dirname(out))].filter(({ isDirectory }) => isDirectory);
    if (names.some(({ name }) => name === basename(out))) throw new Error("it is a folder");
  } catch (cause) {
    throw outFailed(out, cause);
  }
}

/** 5: orders may be open, or a stage of the way is missing; 3: over the budget. */
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
    throw outFailed(path, cause);
  }
  const left = orders !== null && (!orders.end.proved || orders.end.openAfter.length > 0);
  if (left) {
    ctx.warn({
      code: "OPEN_ORDERS_LEFT",
      message: "It is not proved that no order of the probe is open. Run: poly-edge cancel-all",
    });
  }
  const part = result.budget.missing.length > 0;
  const exit = left ? 5 as const : result.verdict === "no-go" ? 3 as const : part ? 5 as const : 0 as const;
  return {
    data: { ...result, saved: path },
    text: probeText(result, path, ctx.color),
    ...(exit === 0 ? {} : { exit }),
  };
}

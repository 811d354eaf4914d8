/** `discover`: the current and next windows, and whether each may be traded. */
import type { Command } from "commander";
import type { FeeSchedule, Instrument, SettlementRule } from "../core/market/instrument.ts";
import { parseSlug, upcomingStarts, windowSlug } from "../core/market/window.ts";
import { formatPrice, formatShares, type Ms } from "../core/units.ts";
import { httpClient } from "../feeds/net/http.ts";
import { openNetwork } from "../feeds/net/network.ts";
import { fetchClobTime } from "../feeds/polymarket/clob_rest.ts";
import { discoverWindow, type DiscoverySources, type WindowResult } from "../feeds/polymarket/discovery.ts";
import { httpStrikeSources } from "../feeds/polymarket/strike_sources.ts";
import { asVenueError } from "../feeds/venue_error.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { clockTime, isoTime, paint, table } from "./output.ts";
import { parseCount } from "./parse.ts";
import { attach, examples } from "./run.ts";
import { openVenueClock, type VenueClock } from "./venue_clock.ts";

/** One row of `data.markets`. Money as decimal text, times as ISO 8601. */
export interface DiscoveredMarket {
  readonly slug: string;
  readonly asset: string;
  readonly duration: string;
  readonly conditionId: string | null;
  readonly version: string | null;
  readonly tokens: { readonly up: string; readonly down: string } | null;
  readonly start: string;
  readonly end: string;
  readonly strike: string | null;
  readonly tick: string | null;
  readonly minSize: string | null;
  readonly fee: { readonly rate: number; readonly exponent: number } | null;
  readonly rule: string;
  readonly tradable: boolean;
  readonly reason: string | null;
  /** What stands behind the reason, when there is more to say. */
  readonly detail: string | null;
}

/** "chainlink twap 60 s, tie up"; the listing's own words behind "unknown". */
export function ruleText(rule: SettlementRule): string {
  switch (rule.kind) {
    case "twap":
      return `${rule.oracle} twap ${rule.averagingSeconds} s, tie ${rule.tie}`;
    case "spot":
      return `${rule.oracle} spot, tie ${rule.tie}`;
    case "unknown":
      return `unknown: ${rule.text}`;
  }
}

const feeText = (fee: FeeSchedule | null) =>
  fee === null ? null : { rate: fee.ratePpm / 1e6, exponent: fee.exponent };

function rowOf(slug: string, result: WindowResult, strike: string | null): DiscoveredMarket {
  if (result.kind === "found") return foundRow(result.listing.instrument, strike);
  const window = parseSlug(slug)!;
  return {
    slug,
    asset: window.asset,
    duration: window.duration,
    conditionId: null,
    version: null,
    tokens: null,
    start: isoTime(window.startMs),
    end: isoTime(window.endMs),
    strike: null,
    tick: null,
    minSize: null,
    fee: null,
    rule: "unknown",
    tradable: false,
    reason: result.reason,
    detail: result.detail,
  };
}

function foundRow(instrument: Instrument, strike: string | null): DiscoveredMarket {
  return {
    slug: instrument.slug,
    asset: instrument.asset,
    duration: instrument.duration,
    conditionId: instrument.conditionId,
    version: instrument.version,
    tokens: { up: instrument.upToken, down: instrument.downToken },
    start: isoTime(instrument.startMs),
    end: isoTime(instrument.endMs),
    strike,
    tick: formatPrice(instrument.tick),
    minSize: formatShares(instrument.minSize),
    fee: feeText(instrument.fee),
    rule: ruleText(instrument.rule),
    tradable: instrument.tradable,
    reason: instrument.reason,
    detail: instrument.rule.kind === "unknown" ? instrument.rule.text : null,
  };
}

/** The strike of a window that has begun; null when no source of plain HTTP knows it. */
async function strikeOf(
  sources: DiscoverySources,
  result: WindowResult,
  now: Ms,
  signal: AbortSignal,
): Promise<string | null> {
  if (result.kind !== "found" || result.listing.instrument.startMs > now) return null;
  if (result.listing.priceToBeat !== null) return String(result.listing.priceToBeat);
  try {
    const { instrument } = result.listing;
    return await httpStrikeSources(sources.http, sources.profile, sources.clock, signal).cryptoPrice(
      instrument,
    );
  } catch {
    // An undocumented helper: its failure says nothing about the window.
    return null;
  }
}

function marketTable(rows: readonly DiscoveredMarket[], color: boolean): string {
  const pen = paint(color);
  return table({
    head: ["window", "start", "end", "strike", "tick", "min", "fee", "rule", "tradable"],
    align: ["left", "left", "left", "right", "right", "right", "right", "left", "left"],
    color,
    rows: rows.map((row) => [
      row.slug,
      clockTime(Date.parse(row.start)),
      clockTime(Date.parse(row.end)),
      row.strike === null ? "-" : Number(row.strike).toFixed(2),
      row.tick ?? "-",
      row.minSize === null ? "-" : String(Number(row.minSize)),
      row.fee === null ? "-" : String(row.fee.rate),
      row.rule.slice(0, 40),
      row.tradable ? pen.green("yes") : pen.red(`no: ${row.reason ?? "?"}`),
    ]),
  });
}

async function discover(
  ctx: CommandContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<CommandResult> {
  const next = parseCount(String(options["next"] ?? "1"), "--next", 0, 288);
  const venue = await ctx.venue();
  const { clock, profile } = venue;
  const network = openNetwork(ctx.config.network.proxy);
  let venueClock: VenueClock | null = null;
  try {
    venueClock = await openVenueClock(ctx, venue, network);
    // Jitter of retries only; no decision depends on it.
    const http = httpClient({ network, clock, random: Math.random });
    const sources: DiscoverySources = { http, profile, clock };
    const call = { signal: ctx.signal };
    const serverMs = await fetchClobTime(http, profile.clob, call);
    const slugs = ctx.config.assets.flatMap((asset) =>
      ctx.config.durations.flatMap((duration) =>
        upcomingStarts(duration, serverMs, next).map((start) => windowSlug(asset, duration, start))
      )
    );
    const markets: DiscoveredMarket[] = [];
    for (let at = 0; at < slugs.length; at += BATCH) {
      markets.push(
        ...await Promise.all(
          slugs.slice(at, at + BATCH).map(async (slug) => {
            const result = await discoverWindow(sources, slug, call);
            return rowOf(slug, result, await strikeOf(sources, result, serverMs, ctx.signal));
          }),
        ),
      );
    }
    const tradable = markets.filter((market) => market.tradable).length;
    return {
      data: { serverTime: isoTime(serverMs), ...venueClock.data(), markets },
      text: `${marketTable(markets, ctx.color)}\n\n${tradable} of ${markets.length} tradable at ${
        isoTime(serverMs)
      }`,
    };
  } catch (error) {
    if (ctx.signal.aborted) throw ctx.signal.reason;
    throw asVenueError(error, profile);
  } finally {
    await venueClock?.close();
    network.close();
  }
}

/** Requests under way at once: far below Gamma's 500 per 10 s. */
const BATCH = 8;

export function register(program: Command): void {
  const command = program.command("discover")
    .description("Show the current and next windows, their rules, and whether they may be traded.")
    .option("--asset <list>", "assets: btc,eth,sol,xrp")
    .option("--duration <list>", "window lengths: 5m,15m,4h")
    .option("--next <n>", "windows after the current one", "1")
    .addHelpText(
      "after",
      examples(["discover --asset btc,eth --duration 5m", "discover --venue sim --next 3 --json"]),
    );
  attach(command, "discover", discover, {
    proxy: true,
    configFlags: { asset: "assets", duration: "durations" },
  });
}

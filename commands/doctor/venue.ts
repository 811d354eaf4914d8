/** Questions about the venue: place, clocks, the rules of its windows, and whether its feeds say anything. */
import type { FeedName } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import { upcomingStarts, windowSlug } from "../../core/market/window.ts";
import { binanceRest } from "../../feeds/binance/rest.ts";
import { isSkewed, measureOffset } from "../../feeds/clock_sync.ts";
import { LIVE_FEEDS, type LiveFeedName, openLive } from "../../feeds/live.ts";
import { type HttpClient, httpClient } from "../../feeds/net/http.ts";
import type { Network } from "../../feeds/net/network.ts";
import { discoverWindow } from "../../feeds/polymarket/discovery.ts";
import { fetchGeoblock } from "../../feeds/polymarket/geoblock.ts";
import type { ApiCredentials } from "../../feeds/polymarket/polybolt_session.ts";
import type { CommandContext, OpenVenue } from "../command.ts";
import { feedOptionsOf } from "../stream_options.ts";
import { readRules, writeRules } from "../trading/doctor_record.ts";
import { fail, type Finding, ok, warn } from "./check.ts";

export interface VenueParts {
  readonly ctx: CommandContext;
  readonly venue: OpenVenue;
  readonly network: Network;
  readonly http: HttpClient;
}

/** May this place trade? */
export async function checkPlace({ ctx, http, venue }: VenueParts): Promise<Finding> {
  const { blocked, country, region } = await fetchGeoblock(http, venue.profile.web, { signal: ctx.signal });
  const where = [country, region].filter((part) => part !== "").join(" ") || "this place";
  return blocked
    ? fail(`${where} is blocked by the venue`, "Do not trade from here.", {
      code: "GEO_BLOCKED",
      refused: true,
    })
    : ok(`${where} is not blocked`);
}

/** Beyond this, orders with an expiry and logins of other tools go wrong. */
const FAR_OFF_MS = 30_000;

/** Our clock beside those of the CLOB and of Binance. */
export async function checkClock({ ctx, network, venue }: VenueParts): Promise<Finding> {
  const { clock, profile } = venue;
  const http = httpClient({ network, clock, random: Math.random });
  const rest = binanceRest(http, profile, clock);
  const offset = await measureOffset({
    clock,
    http,
    rest,
    clob: profile.clob,
    signal: ctx.signal,
    log: ctx.log,
  });
  if (offset === null) return warn("neither the CLOB nor Binance tells the time", "Check the network.");
  const off = `${Math.round(offset.clockOffsetMs)} ms off by ${offset.source}, right to ${
    Math.round(offset.uncertaintyMs)
  } ms`;
  if (!isSkewed(offset)) return ok(off);
  const fix = "Set the machine's clock (NTP). It is corrected while trading, other tools are not.";
  return Math.abs(offset.clockOffsetMs) > FAR_OFF_MS
    ? fail(off, fix, { code: "CLOCK_SKEW" })
    : warn(off, fix);
}

/**
 * The next window of every asset and length in use: one that has not begun, because its tick is still the base one. Those
 * that are missing are told by name.
 */
export async function nextWindows(
  { ctx, http, venue }: VenueParts,
): Promise<{ readonly found: readonly Instrument[]; readonly missing: readonly string[] }> {
  const { clock, profile } = venue;
  const found: Instrument[] = [];
  const missing: string[] = [];
  const slugs = ctx.config.assets.flatMap((asset) =>
    ctx.config.durations.flatMap((duration) => {
      const start = upcomingStarts(duration, clock.now(), 1).at(-1);
      return start === undefined ? [] : [windowSlug(asset, duration, start)];
    })
  );
  await Promise.all(slugs.map(async (slug) => {
    const result = await discoverWindow({ http, profile, clock }, slug, { signal: ctx.signal });
    if (result.kind === "found") found.push(result.listing.instrument);
    else missing.push(`${slug} (${result.reason})`);
  }));
  return { found: found.sort((a, b) => a.slug < b.slug ? -1 : 1), missing: missing.sort() };
}

/**
 * Are the rules those that were accepted? Rules of windows not looked at today are kept; new ones are taken up as they are.
 * `accept`: a person has read what changed.
 */
export function checkRules(
  { ctx, venue }: VenueParts,
  rules: Readonly<Record<string, string>>,
  accept: boolean,
): Finding {
  const { clob } = venue.profile;
  const before = readRules(ctx.dataDir, clob);
  const known = before?.rules ?? {};
  const changed = Object.entries(rules).filter(([name, text]) => name in known && known[name] !== text);
  const told = changed.map(([name, text]) => `${name} was "${known[name]}", is "${text}"`).join("; ");
  if (changed.length > 0 && !accept) {
    return fail(told, "Read what changed; then `poly-edge doctor --accept-drift`.", { code: "VENUE_DRIFT" });
  }
  const names = Object.keys(rules);
  if (changed.length > 0 || names.some((name) => !(name in known))) {
    writeRules(ctx.dataDir, clob, {
      host: new URL(clob).host,
      acceptedAtMs: ctx.startedAt,
      rules: { ...known, ...rules },
    });
  }
  if (changed.length > 0) return ok(`accepted: ${told}`);
  const since = before === null
    ? "first seen now, kept"
    : `as accepted ${new Date(before.acceptedAtMs).toISOString()}`;
  return ok(`${names.length} rules ${since}`);
}

/** What listings say of the windows, before their rules are compared. */
export function checkWindows(found: readonly Instrument[], missing: readonly string[]): Finding {
  if (missing.length > 0) {
    return fail(
      `not listed: ${missing.join(", ")}`,
      "The venue lists windows a day ahead: look at `discover`.",
      {
        code: "WINDOW_MISSING",
      },
    );
  }
  const refused = found.filter(({ tradable, reason }) => !tradable && reason !== "NOT_ACCEPTING_ORDERS");
  if (refused.length === 0) return ok(found.map(({ slug }) => slug).join(", "));
  return fail(
    refused.map(({ reason, slug }) => `${slug}: ${reason ?? "not tradable"}`).join("; "),
    "Do not trade these: see the reason in docs/codes.md.",
    { code: refused[0]?.reason ?? "MARKET_NOT_TRADABLE" },
  );
}

/** Without these nothing is traded; the others only sharpen it. */
const NEEDED: readonly LiveFeedName[] = [
  "polymarket.market",
  "polymarket.prices",
  "binance.futures.public",
  "binance.futures.market",
];
const LOOK_MS = 100;

export interface FeedAnswer {
  readonly feed: FeedName;
  /** ms from the start of the session to the first datum; null: none. */
  readonly firstDatumMs: number | null;
}

/** Opens every feed until each has said something, or the deadline; wall ms. */
export async function firstData(
  { ctx, network, venue }: VenueParts,
  credentials: ApiCredentials | null,
  deadlineMs: number,
): Promise<FeedAnswer[]> {
  const { clock, profile } = venue;
  const live = await openLive({
    ...feedOptionsOf(ctx.config),
    profile,
    clock,
    assets: ctx.config.assets,
    durations: ctx.config.durations,
    credentials,
    network,
    log: ctx.log,
    signal: ctx.signal,
    clockEveryMs: 1000,
    warmUpBars: 0,
    onEvents: () => {},
  });
  try {
    const started = performance.now();
    const answers = (): FeedAnswer[] => {
      const metrics = live.metrics();
      return LIVE_FEEDS.map((feed) => ({ feed, firstDatumMs: metrics[feed]?.firstDatumMs ?? null }));
    };
    while (performance.now() - started < deadlineMs && !ctx.signal.aborted) {
      if (answers().every(({ firstDatumMs }) => firstDatumMs !== null)) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return answers();
  } finally {
    await live.close();
  }
}

/** Which feeds are silent? */
export function checkFeeds(answers: readonly FeedAnswer[], hasCredentials: boolean): Finding {
  const silent = answers.filter(({ firstDatumMs }) => firstDatumMs === null).map(({ feed }) => feed);
  const heard = answers.filter(({ firstDatumMs }) => firstDatumMs !== null)
    .map(({ feed, firstDatumMs }) => `${feed} ${Math.round(firstDatumMs as number)} ms`).join(", ");
  if (silent.length === 0) return ok(`first datum: ${heard}`);
  const needed = silent.filter((feed) => NEEDED.some((name) => name === feed));
  const detail = `silent: ${silent.join(", ")}${heard === "" ? "" : `; first datum: ${heard}`}`;
  const fix = !hasCredentials && silent.includes("polymarket.prices")
    ? "Settlement prices want API credentials. Then see `poly-edge stream`."
    : "See `poly-edge stream --feeds ...` for what each says; check the network or --proxy.";
  return needed.length > 0 ? fail(detail, fix, { code: "FEED_DOWN" }) : warn(detail, fix);
}

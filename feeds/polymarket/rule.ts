/**
 * How a window settles, read from the market itself. Nothing is guessed: whatever is missing, unknown or contradictory
 * becomes `unknown`, and an unknown rule is not traded. Facts: polymarket dossier 2.5 (changelog 2026-08-07, 2026-08-14).
 */
import type { Asset, Duration, SettlementRule } from "../../core/market/instrument.ts";

/** What a listing says about its settlement; absent fields are undefined. */
export interface RuleEvidence {
  readonly config?: {
    readonly asset?: string | undefined;
    readonly duration?: string | undefined;
    readonly twapEnabled?: boolean | undefined;
    readonly twapLookbackSeconds?: number | undefined;
  } | undefined;
  readonly resolutionSource?: string | undefined;
  readonly description?: string | undefined;
}

const TWAP_BEGINS_MS = Date.UTC(2026, 7, 7);
const TWAP_60_EVERYWHERE_MS = Date.UTC(2026, 7, 14);

const spot: SettlementRule = { kind: "spot", oracle: "chainlink", tie: "up" };
const twap = (averagingSeconds: number): SettlementRule => ({
  kind: "twap",
  oracle: "chainlink",
  averagingSeconds,
  tie: "up",
});
const unknown = (text: string): SettlementRule => ({ kind: "unknown", text });

/**
 * The venue's published rule for a window by its start: spot until 2026-08-07, then a 30 s (5m) or 60 s TWAP, since
 * 2026-08-14 00:00 UTC 60 s for all. For recordings that kept no listing; a live listing speaks for itself.
 */
export function publishedRule(duration: Duration, startMs: number): SettlementRule {
  if (startMs < TWAP_BEGINS_MS) return spot;
  return twap(duration === "5m" && startMs < TWAP_60_EVERYWHERE_MS ? 30 : 60);
}

type Claim = { readonly averagingSeconds: number | null } | { readonly bad: string } | null;

/** `https://data.chain.link/streams/btc-usd-twap-60s-streams` or `.../btc-usd`; anything else is bad. */
function claimOfSource(source: string, asset: Asset): Claim {
  const match = /^https:\/\/data\.chain\.link\/streams\/([a-z0-9]+)-usd(?:-twap-(\d{1,4})s(?:-streams)?)?\/?$/
    .exec(
      source.trim(),
    );
  if (match === null) return { bad: `resolution source "${source.slice(0, 120)}"` };
  if (match[1] !== asset) return { bad: `resolution source of another asset: ${match[1]}` };
  return { averagingSeconds: match[2] === undefined ? null : Number(match[2]) };
}

function claimOfConfig(config: NonNullable<RuleEvidence["config"]>, asset: Asset, duration: Duration): Claim {
  if (config.asset !== undefined && config.asset.toLowerCase() !== asset) {
    return { bad: `market configuration of another asset: ${config.asset}` };
  }
  if (config.duration !== undefined && config.duration.toLowerCase() !== duration) {
    return { bad: `market configuration of another duration: ${config.duration}` };
  }
  if (config.twapEnabled === undefined) return null;
  if (!config.twapEnabled) return { averagingSeconds: null };
  const seconds = config.twapLookbackSeconds;
  if (seconds === undefined || !Number.isInteger(seconds) || seconds <= 0) {
    return { bad: `averaging window ${String(seconds)}` };
  }
  return { averagingSeconds: seconds };
}

/** Prose counts only where it is plain: a stream link, and whether a tie is Up. */
function claimOfDescription(text: string, asset: Asset): Claim {
  const compares = /greater than or equal to/i.test(text);
  if (/\b(?:greater|higher|less|lower) than\b/i.test(text) && !compares) {
    return { bad: `a tie is not Up in "${text.slice(0, 120)}"` };
  }
  const links = text.match(/https:\/\/data\.chain\.link\/streams\/[a-z0-9-]+/g) ?? [];
  const averaged = /\b(?:twap|time-weighted average)\b/i.test(text);
  const first = links[0];
  if (first === undefined) return null;
  const claim = claimOfSource(first, asset);
  if (claim !== null && "averagingSeconds" in claim && (claim.averagingSeconds !== null) !== averaged) {
    return averaged
      ? { bad: `the text speaks of an average, its link does not: "${text.slice(0, 120)}"` }
      : claim;
  }
  return claim;
}

/**
 * Combines the market configuration, the resolution source and the description; all that are present must agree. A
 * spot rule on a window after 2026-08-07 needs the configuration to say so, because a stale link is the likelier reading.
 */
export function parseRule(
  evidence: RuleEvidence,
  market: { readonly asset: Asset; readonly duration: Duration; readonly startMs: number },
): SettlementRule {
  const { config, resolutionSource, description } = evidence;
  const fromConfig = config === undefined ? null : claimOfConfig(config, market.asset, market.duration);
  const claims = [
    fromConfig,
    resolutionSource === undefined || resolutionSource === ""
      ? null
      : claimOfSource(resolutionSource, market.asset),
    description === undefined || description === "" ? null : claimOfDescription(description, market.asset),
  ];
  let agreed: number | null | undefined;
  for (const claim of claims) {
    if (claim === null) continue;
    if ("bad" in claim) return unknown(claim.bad);
    if (agreed !== undefined && agreed !== claim.averagingSeconds) {
      return unknown(`the listing contradicts itself: averaging ${agreed} s and ${claim.averagingSeconds} s`);
    }
    agreed = claim.averagingSeconds;
  }
  if (agreed === undefined) {
    return unknown(
      `the listing names no settlement source: "${(description ?? resolutionSource ?? "").slice(0, 120)}"`,
    );
  }
  if (agreed !== null) return twap(agreed);
  if (market.startMs >= TWAP_BEGINS_MS && fromConfig === null) {
    return unknown("a spot source on a window that the venue settles by an average");
  }
  return spot;
}

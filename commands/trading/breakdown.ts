/** Where a result came from: by asset, length, hour, regime, tape, and on which basis its money is counted. */
import type { Usdc } from "../../core/units.ts";
import { bootstrapWindows, quantile } from "../../core/stats/bootstrap.ts";
import { seededRandom } from "../../core/random.ts";
import type { BacktestOutcome } from "./backtest.ts";
import type { TapeWindow } from "./totals.ts";
import { settlements } from "./figures.ts";

/** Fewer resamples than the headline's: there are many groups, and each is read by eye. */
const RESAMPLES = 500;
/** Ten minutes that moved more than half a standard deviation have a direction. */
const TREND = 0.5;

export interface GroupRow {
  readonly by: string;
  readonly key: string;
  readonly windows: number;
  /** Windows with a fill. */
  readonly traded: number;
  readonly pnl: Usdc;
  readonly fees: Usdc;
  readonly ci95: readonly [Usdc, Usdc] | null;
}

type KeyOf = (window: TapeWindow) => string;
interface Grouping {
  readonly by: string;
  readonly keyOf: KeyOf;
  readonly order?: readonly string[];
}

const windowKey = (tape: number, slug: string): string => `${tape}/${slug}`;
const VOLATILITY = ["calm", "middle", "wild", "unknown"] as const;
const TRENDS = ["down", "sideways", "up", "unknown"] as const;

/** Terciles of volatility of each asset over all windows that were offered, known from the fast price at their start. */
function volatilityOf(outcome: BacktestOutcome): KeyOf {
  const assets = new Map<string, string>();
  for (const window of outcome.baselines[0]?.windows ?? []) {
    assets.set(windowKey(window.tape, window.slug), window.asset);
  }
  const known = new Map<string, { asset: string; vol: number }>();
  const byAsset = new Map<string, number[]>();
  for (const { tape, slug, vol } of outcome.regimes) {
    const asset = assets.get(windowKey(tape, slug));
    if (vol === null || asset === undefined) continue;
    known.set(windowKey(tape, slug), { asset, vol });
    const list = byAsset.get(asset);
    if (list === undefined) byAsset.set(asset, [vol]);
    else list.push(vol);
  }
  const borders = new Map([...byAsset].map(([asset, vols]) => {
    const sorted = vols.sort((a, b) => a - b);
    return [asset, [quantile(sorted, 1 / 3), quantile(sorted, 2 / 3)] as const];
  }));
  return ({ tape, slug }) => {
    const one = known.get(windowKey(tape, slug));
    if (one === undefined) return "unknown";
    const [low, high] = borders.get(one.asset)!;
    return one.vol <= low ? "calm" : one.vol <= high ? "middle" : "wild";
  };
}

function trendOf(outcome: BacktestOutcome): KeyOf {
  const known = new Map(outcome.regimes.map(({ tape, slug, trend }) => [windowKey(tape, slug), trend]));
  return ({ tape, slug }) => {
    const trend = known.get(windowKey(tape, slug)) ?? null;
    return trend === null ? "unknown" : trend > TREND ? "up" : trend < -TREND ? "down" : "sideways";
  };
}

function sourceOf(outcome: BacktestOutcome): KeyOf {
  const sources = new Map(
    outcome.tapes.flatMap((tape, at) =>
      tape.manifest.windows.map((window) =>
        [windowKey(at, window.slug), window.outcomeSource ?? "none"] as const
      )
    ),
  );
  return ({ tape, slug }) => sources.get(windowKey(tape, slug)) ?? "none";
}

const hourOf: KeyOf = ({ startMs }) => `${String(new Date(startMs).getUTCHours()).padStart(2, "0")} h`;

function groupingsOf(outcome: BacktestOutcome): Grouping[] {
  return [
    { by: "asset", keyOf: (window) => window.asset },
    { by: "length", keyOf: (window) => window.duration },
    { by: "hour (UTC)", keyOf: hourOf },
    { by: "volatility", keyOf: volatilityOf(outcome), order: VOLATILITY },
    { by: "trend", keyOf: trendOf(outcome), order: TRENDS },
    { by: "outcome stated by", keyOf: sourceOf(outcome) },
    { by: "tape", keyOf: ({ tape }) => outcome.tapes[tape]?.name ?? String(tape) },
  ];
}

function rowOf(by: string, key: string, windows: readonly TapeWindow[], seed: number): GroupRow {
  const interval = bootstrapWindows(settlements(windows), seededRandom(seed), { resamples: RESAMPLES });
  return {
    ...{ by, key, windows: windows.length },
    traded: windows.filter((window) => window.fills > 0).length,
    pnl: windows.reduce((sum, window) => sum + window.pnl, 0) as Usdc,
    fees: windows.reduce((sum, window) => sum + window.fees, 0) as Usdc,
    ci95: interval?.ci95 ?? null,
  };
}

/** Makes the breakdown of windows; what all samples of an outcome share is prepared once. */
export function breakdownOf(outcome: BacktestOutcome): (windows: readonly TapeWindow[]) => GroupRow[] {
  const groupings = groupingsOf(outcome);
  return (windows) =>
    groupings.flatMap(({ by, keyOf, order }) => {
      const groups = new Map<string, TapeWindow[]>();
      for (const window of windows) {
        const key = keyOf(window);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, [window]);
        else group.push(window);
      }
      const keys = order === undefined ? [...groups.keys()].sort() : order.filter((key) => groups.has(key));
      return keys.map((key) => rowOf(by, key, groups.get(key)!, outcome.settings.seed));
    });
}

/** What a trading session leaves behind: warnings, `data`, the summary for people, the report. */
import { isForeign, type Portfolio } from "../../core/orders/portfolio.ts";
import { formatShares, formatUsdc } from "../../core/units.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { countText, facts, moneyText, paint, signedMoneyText, spanText, table } from "../output.ts";
import type { FeedRow } from "../report/model.ts";
import { type LiveTrading, liveWarnings } from "./live_trading.ts";
import { writeLatency } from "./latency_files.ts";
import type { SessionRecorder } from "./recorder.ts";
import type { RuntimeReport } from "./runtime_watch.ts";
import type { SessionFiles } from "./session_files.ts";
import { writeSessionReport } from "./session_report.ts";

/** A session that is over. */
export interface FinishedTrade {
  readonly id: string;
  readonly files: SessionFiles;
  readonly recorder: SessionRecorder;
  readonly feeds: readonly FeedRow[];
  readonly source: "sockets" | "tape";
  /** `--report`. */
  readonly extraReport: string | null;
  /** `--latency-out`. */
  readonly latencyOut: string | null;
  /** Of the process that ran it. */
  readonly runtime: RuntimeReport | null;
  /** Set when orders went to the venue. */
  readonly live: LiveTrading | null;
  /** What `--train` left behind. */
  readonly training?: Record<string, unknown> | null;
}

const PAPER_BASIS =
  "paper fills at executable prices with fees; final = sold or settled, provisional = with open positions";
const LIVE_BASIS =
  "fills as the venue states them, fees by the market's schedule; final = sold or settled, provisional = with open positions " +
  "and matches that are not confirmed";

/** What live trading adds to `data`. */
function liveData(live: LiveTrading): Record<string, unknown> {
  const { started, ended, killed, gateway, sentinel } = live;
  return {
    wallet: live.wallet,
    killed,
    start: {
      cash: formatUsdc(started.cash),
      usableCash: formatUsdc(started.usableCash),
      cancelled: started.cancelled,
      unknownResolved: started.unknownResolved,
      unknown: started.unknown,
      foreignOrders: started.foreignOrders.map((order) => order.hash),
      foreignPositions: started.foreignPositions.map(({ token, shares }) => ({
        token,
        shares: formatShares(shares),
      })),
      differences: started.differences,
    },
    drift: sentinel.drifts,
    end: ended,
    gateway: gateway.stats,
  };
}

/** 5: orders may be open; 3: a safety stopped it; 0 otherwise. */
const liveExit = ({ ended, killed }: LiveTrading): 0 | 3 | 5 =>
  ended === null || !ended.proved || ended.openAfter.length > 0 ? 5 : killed === null ? 0 : 3;

/** Positions of this account's own orders that are not settled; shares of others are theirs to settle. */
export const unsettledCount = ({ positions }: Pick<Portfolio, "positions">): number =>
  [...positions.keys()].filter((token) => !isForeign(token)).length;

/** Writes summary and report, warns of what is wrong. */
export async function finishTrade(ctx: CommandContext, run: FinishedTrade): Promise<CommandResult> {
  const { recorder, files, live } = run;
  recorder.parity?.close();
  const open = unsettledCount(recorder.engine.portfolio);
  if (open > 0) {
    ctx.warn({
      code: "UNSETTLED_POSITIONS",
      message: `${open} position(s) are not settled: pnl.provisional values them at the last executable bid.`,
    });
  }
  const watched = recorder.windowRows().length;
  if (watched === 0) {
    ctx.warn({
      code: "NO_WINDOWS",
      message: "No window was traded or watched: none was listed, or none had its books in time.",
    });
  }
  for (const feed of run.feeds) warnOfFeed(ctx, feed);
  if (live !== null) { for (const warning of liveWarnings(live)) ctx.warn(warning); }
  const data = {
    ...recorder.data(run.id),
    strategy: recorder.policy.name,
    model: recorder.policy.model ?? null,
    mode: live === null ? "paper" : "live",
    basis: live === null ? PAPER_BASIS : LIVE_BASIS,
    ...(live === null ? {} : { live: liveData(live) }),
    report: files.reportPath,
    latencyOut: run.latencyOut,
    runtime: run.runtime,
    ...(run.training == null ? {} : { training: run.training }),
    feeds: run.feeds,
  };
  writeLatency({
    latency: recorder.latency,
    orders: recorder.orderLog.rows,
    runtime: run.runtime,
    folder: files.folder,
    out: run.latencyOut,
  });
  await files.finish(data, recorder.decisions.hash);
  await writeSessionReport(ctx, {
    id: run.id,
    recorder,
    feeds: run.feeds,
    paths: [files.reportPath, ...(run.extraReport === null ? [] : [run.extraReport])],
    source: run.source,
    live: live !== null,
    basis: data.basis,
  });
  const text = summaryText(ctx, run, run.extraReport ?? files.reportPath);
  const exit = live === null ? 0 : liveExit(live);
  return { data, text, ...(exit !== 0 ? { exit } : watched === 0 ? { exit: 5 as const } : {}) };
}

function warnOfFeed(ctx: CommandContext, feed: FeedRow): void {
  if (feed.frames === 0) {
    ctx.warn({ code: "FEED_NEVER_LIVE", message: `${feed.feed} never sent a datum (${feed.state}).` });
  }
  if (feed.unrecognised > 0) {
    ctx.warn({
      code: "UNRECOGNISED_FRAMES",
      message: `${feed.feed}: ${feed.unrecognised} frame(s) were not understood.`,
    });
  }
}

function summaryText(ctx: CommandContext, run: FinishedTrade, reportPath: string): string {
  const { recorder } = run;
  const { engine } = recorder;
  const pen = paint(ctx.color);
  const pnl = recorder.pnl();
  const tint = (value: number) => {
    const text = signedMoneyText(value);
    return value > 0 ? pen.green(text) : value < 0 ? pen.red(text) : text;
  };
  const windows = table({
    head: ["window", "strike", "outcome", "fills", "fees", "pnl"],
    align: ["left", "right", "left", "right", "right", "right"],
    color: ctx.color,
    rows: recorder.windowRows().map((row) => [
      row.slug,
      row.strike === null ? "-" : Number(row.strike).toFixed(2),
      row.outcome ?? "open",
      row.fills,
      moneyText(row.fees),
      tint(row.pnl),
    ]),
  });
  const latency = recorder.latency.numbers();
  const stages = table({
    head: ["stage", "n", "p50", "p95", "p99"],
    align: ["left", "right", "right", "right", "right"],
    color: ctx.color,
    rows: Object.entries(latency).map(([stage, of]) => [
      stage,
      countText(of.n),
      ...[of.p50, of.p95, of.p99].map((us) => us < 1000 ? `${us} us` : spanText(us / 1000)),
    ]),
  });
  const notSent = [...engine.notSent, ...engine.rejected].sort((a, b) => b[1] - a[1]);
  return [
    facts([
      ["session", run.id],
      ["mode", run.live === null ? "paper" : `live, wallet ${run.live.wallet}`],
      ["strategy", ctx.config.strategy.name],
      ...(run.live?.killed == null ? [] : [["stopped by", run.live.killed.code] as const]),
      ["pnl, final", tint(pnl.final)],
      ["pnl, provisional", tint(pnl.provisional)],
      ["fees", moneyText(engine.portfolio.feesPaid)],
      ["orders / fills", `${engine.ordersSent} / ${recorder.fillCount}`],
      ["max drawdown", moneyText(engine.maxDrawdown)],
      ["not sent, refused", notSent.length === 0 ? "none" : notSent.map(([c, n]) => `${c} ${n}`).join(", ")],
      ["decisions", `${countText(engine.evaluations)}, hash ${recorder.decisions.hash.slice(0, 16)}`],
    ], ctx.color),
    windows,
    stages,
    facts([["report", reportPath]], ctx.color),
  ].join("\n\n");
}

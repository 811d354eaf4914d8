/** The HTML report of a trading session. */
import { type Ms, ms, type Price, type Usdc } from "../../core/units.ts";
import { gateMeaning } from "./meanings.ts";
import type { CommandContext } from "../command.ts";
import type { FeedRow, PositionRow, SessionReport } from "../report/model.ts";
import { renderReport } from "../report/report.ts";
import { writeReport } from "../report/write.ts";
import { VERSION } from "../version.ts";
import type { SessionRecorder } from "./recorder.ts";

export interface SessionReportInput {
  readonly id: string;
  readonly recorder: SessionRecorder;
  readonly feeds: readonly FeedRow[];
  readonly paths: readonly string[];
  readonly source: "sockets" | "tape";
  /** Orders went to the venue. */
  readonly live: boolean;
  readonly basis: string;
}

function positions(recorder: SessionRecorder): PositionRow[] {
  const { engine } = recorder;
  return [...engine.portfolio.positions.values()].map((position) => {
    const window = engine.windows.get(position.conditionId);
    const bid = window === undefined ? 0 : position.outcome === "up" ? window.upMark : window.downMark;
    return {
      slug: recorder.slugOf(position.conditionId),
      outcome: position.outcome,
      size: position.shares,
      averagePrice: Math.round(position.cost * 10_000 / Math.max(1, position.shares)) as Price,
      cost: position.cost,
      mark: bid === 0 ? null : Math.floor(position.shares * bid / 10_000) as Usdc,
    };
  });
}

/** The oracle states 18 decimals; a person reads six. The exact text stays in the session's data. */
const readable = (strike: string | null): string | null =>
  strike === null ? null : strike.replace(/(\.\d{6})\d+$/, "$1");

function model(ctx: CommandContext, input: SessionReportInput): SessionReport {
  const { recorder } = input;
  const { engine } = recorder;
  const { portfolio } = engine;
  const pnl = recorder.pnl();
  const wins = portfolio.trades.filter((trade) => trade.pnl > 0).length;
  const counts = [...engine.notSent, ...engine.rejected].sort((a, b) => b[1] - a[1]);
  return {
    kind: "session",
    generatedAt: ms(Date.now()),
    version: VERSION,
    venue: input.source === "tape" ? "tape" : ctx.config.venue,
    basis: input.basis,
    warnings: recorder.policy.caution === undefined
      ? []
      : [{ code: "NO_PROVEN_EDGE", message: recorder.policy.caution }],
    session: input.id,
    mode: input.live ? "live" : input.source === "tape" ? "replay" : "paper",
    strategy: recorder.policy.name,
    model: recorder.policy.model ?? null,
    assets: ctx.config.assets,
    durations: ctx.config.durations,
    startedAt: (recorder.firstEventMs ?? ctx.startedAt) as Ms,
    endedAt: (recorder.lastEventMs || ctx.startedAt) as Ms,
    decisionsHash: recorder.decisions.hash,
    totals: {
      pnlFinal: pnl.final,
      pnlProvisional: pnl.provisional,
      fees: portfolio.feesPaid,
      orders: engine.ordersSent,
      trades: portfolio.trades.length,
      fills: recorder.fillCount,
      winRate: portfolio.trades.length === 0 ? null : wins / portfolio.trades.length,
      maxDrawdown: engine.maxDrawdown,
    },
    equity: recorder.series.equity,
    charts: recorder.series.result(),
    latency: recorder.latency.report(),
    windows: recorder.windowRows().map((row) => ({ ...row, strike: readable(row.strike) })),
    notSent: counts.map(([code, count]) => ({ code, count, meaning: gateMeaning(code) })),
    positions: positions(recorder),
    fills: recorder.fills,
    feeds: input.feeds,
    parity: recorder.parity?.summary() ?? null,
  };
}

/** Renders once and writes to every path. Throws REPORT_WRITE_FAILED. */
export async function writeSessionReport(ctx: CommandContext, input: SessionReportInput): Promise<void> {
  const html = renderReport(model(ctx, input));
  for (const path of input.paths) await writeReport(path, html);
}

/** `poly-edge trade --paper`: the engine on live feeds or on a tape, orders filled by the simulated exchange. */
import type { Command } from "commander";
import { PaperExchange } from "../core/exchange/paper_exchange.ts";
import { OperationError } from "../core/errors.ts";
import { formatUsdc, type Ms } from "../core/units.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { countText, facts, moneyText, paint, signedMoneyText, spanText, table } from "./output.ts";
import { parseCount, parseSpan } from "./parse.ts";
import type { FeedRow } from "./report/model.ts";
import { attach, examples } from "./run.ts";
import type { Admission } from "./trading/admission.ts";
import { writeSessionReport } from "./trading/session_report.ts";
import { runLive } from "./trading/live_source.ts";
import { SessionRecorder } from "./trading/recorder.ts";
import { SessionFiles, sessionId } from "./trading/session_files.ts";
import { sessionStart } from "./trading/session_start.ts";
import { engineOptions, paperOptions } from "./trading/settings.ts";
import { forTape, TAPE_DRAIN_MS, tapeWindows } from "./trading/tape_session.ts";
import { openWithCodecs, readFrames } from "./trading/tape_source.ts";

const DEFAULT_SEED = 42;

/** Adds `trade` to the program. */
export function register(program: Command): void {
  attach(
    program.command("trade")
      .description("run the engine: watch, decide, pass the gate, fill, settle, report")
      .option("--paper", "fill orders on the simulated exchange against the live book")
      .option("--strategy <name>", "hold, random, momentum, mean-revert, fade-spike, gating, fair-value")
      .option("--asset <list>", "assets, for example btc,eth")
      .option("--duration <list>", "window lengths: 5m,15m,4h")
      .option("--size <pUSD>", "stake of one trade (sizing.usdc)")
      .option("--windows <n>", "stop after n windows of each asset and length are settled")
      .option("--for <time>", "stop after this time of the venue's clock, for example 30m")
      .option("--tape <dir>", "take events from a tape in place of sockets")
      .option("--seed <n>", "seed of strategies that draw", String(DEFAULT_SEED))
      .option("--report <file>", "also write the HTML report here")
      .addHelpText(
        "after",
        examples([
          "trade --paper --venue sim --asset btc,eth --windows 2",
          "trade --paper --strategy momentum --duration 15m --for 1h --json",
          "trade --paper --tape tapes/btc5m --strategy fair-value --set risk.maxFastAgeMs=120000",
        ]),
      ),
    "trade",
    trade,
    {
      proxy: true,
      configFlags: {
        asset: "assets",
        duration: "durations",
        strategy: "strategy.name",
        size: "sizing.usdc",
      },
    },
  );
}

interface TradeOptions {
  readonly tape: string | null;
  readonly windows: number | null;
  readonly forMs: Ms | null;
  readonly seed: number;
  readonly report: string | null;
}

const textOf = (value: unknown): string | null => typeof value === "string" ? value : null;

function readOptions(options: Record<string, unknown>): TradeOptions {
  if (options["paper"] !== true) {
    throw new OperationError({
      code: "USAGE",
      message: "Cannot trade without a mode: pass --paper",
      hint: "`poly-edge trade --paper --venue sim` trades on the simulated venue.",
      exit: 2,
    });
  }
  const windows = textOf(options["windows"]);
  const span = textOf(options["for"]);
  const tape = textOf(options["tape"]);
  if (tape !== null && (windows !== null || span !== null)) {
    throw new OperationError({
      code: "USAGE",
      message: "Cannot use --windows or --for with --tape: a tape is read to its end",
      hint: "Leave one of them out.",
      exit: 2,
    });
  }
  return {
    tape,
    windows: windows === null ? null : parseCount(windows, "--windows", 1, 100_000),
    forMs: span === null ? null : parseSpan(span, "--for"),
    seed: parseCount(textOf(options["seed"]) ?? String(DEFAULT_SEED), "--seed", 0, Number.MAX_SAFE_INTEGER),
    report: textOf(options["report"]),
  };
}

async function trade(
  ctx: CommandContext,
  _args: string[],
  given: Record<string, unknown>,
): Promise<CommandResult> {
  const options = readOptions(given);
  const settings = engineOptions(ctx.config, {
    strategy: ctx.config.strategy.name,
    seed: options.seed,
    stops: true,
  });
  // The source is reached before anything is written, so that a wrong venue leaves no empty session behind.
  const source = options.tape === null
    ? { kind: "live" as const, venue: await ctx.venue() }
    : { kind: "tape" as const, tape: await openWithCodecs(options.tape) };
  const engine = source.kind === "tape"
    ? forTape(ctx, source.tape.manifest, options.tape ?? "tape", settings)
    : settings;
  const id = sessionId("paper", ctx.startedAt);
  const start = sessionStart({
    id,
    mode: "paper",
    source: source.kind === "live" ? "sockets" : "tape",
    config: ctx.config,
    seed: options.seed,
    engine,
  });
  const files = await SessionFiles.open(ctx.dataDir, start);
  const recorder = new SessionRecorder({
    engine,
    exchange: new PaperExchange(paperOptions(ctx.config)),
    monotonicUs: () => performance.now() * 1000,
    writeDecision: (line) => files.writeDecision(line),
    record: files.record,
    onSettled: (slug) =>
      ctx.log.info("window settled", { slug, sessionPnl: formatUsdc(recorder.pnl().final) }),
  });
  try {
    const feeds = source.kind === "live"
      ? await fromSockets(ctx, source.venue, options, recorder)
      : await fromTape(ctx, source.tape, recorder, tapeWindows(ctx, given), files);
    return await finish(ctx, options, { id, files, recorder, feeds, source: source.kind });
  } finally {
    await files.close();
  }
}

function fromSockets(
  ctx: CommandContext,
  venue: Awaited<ReturnType<CommandContext["venue"]>>,
  options: TradeOptions,
  recorder: SessionRecorder,
): Promise<FeedRow[]> {
  if (venue.credentials === null && !ctx.config.feeds.legacyRtds) {
    ctx.warn({
      code: "PRICES_NO_CREDENTIALS",
      message:
        "No API credentials (POLY_API_KEY, POLY_API_SECRET, POLY_API_PASSPHRASE): the settlement price feed " +
        "stays closed and strikes come late, from the slower sources.",
    });
  }
  return runLive(ctx, {
    venue,
    assets: ctx.config.assets,
    durations: ctx.config.durations,
    windows: options.windows,
    forMs: options.forMs,
  }, recorder);
}

async function fromTape(
  ctx: CommandContext,
  tape: Awaited<ReturnType<typeof openWithCodecs>>,
  recorder: SessionRecorder,
  admission: Admission,
  files: SessionFiles,
): Promise<FeedRow[]> {
  const progress = ctx.progress("tape");
  const total = tape.manifest.events;
  try {
    await readFrames(
      tape,
      (events) => recorder.frame(events.filter((event) => admission.take(event))),
      (count) => {
        progress.update(count, total, `${recorder.fillCount} fills`);
        return files.record.drained();
      },
      ctx.signal,
    );
  } catch (error) {
    if (!ctx.signal.aborted) throw error;
    ctx.warn({ code: "STOPPED_EARLY", message: "The tape was not read to its end." });
  } finally {
    progress.stop();
  }
  recorder.session.finish((recorder.lastEventMs + TAPE_DRAIN_MS) as Ms);
  for (const warning of tape.warnings) ctx.warn(warning);
  return [];
}

interface Finished {
  readonly id: string;
  readonly files: SessionFiles;
  readonly recorder: SessionRecorder;
  readonly feeds: readonly FeedRow[];
  readonly source: "live" | "tape";
}

async function finish(ctx: CommandContext, options: TradeOptions, run: Finished): Promise<CommandResult> {
  const { recorder, files } = run;
  const open = recorder.engine.portfolio.positions.size;
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
  const data = {
    ...recorder.data(run.id),
    strategy: ctx.config.strategy.name,
    mode: "paper",
    basis:
      "paper fills at executable prices with fees; final = sold or settled, provisional = with open positions",
    report: files.reportPath,
    feeds: run.feeds,
  };
  await files.finish(data, recorder.decisions.hash);
  await writeSessionReport(ctx, {
    id: run.id,
    recorder,
    feeds: run.feeds,
    paths: [files.reportPath, ...(options.report === null ? [] : [options.report])],
    source: run.source,
  });
  const text = summaryText(ctx, run, options.report ?? files.reportPath);
  return { data, text, ...(watched === 0 ? { exit: 5 as const } : {}) };
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

function summaryText(ctx: CommandContext, run: Finished, reportPath: string): string {
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
      ["strategy", ctx.config.strategy.name],
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

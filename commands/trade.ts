/** `poly-edge trade`: the engine on live feeds or on a tape; orders go to the simulated exchange or to the real one. */
import { join } from "node:path";
import type { Command } from "commander";
import { ExchangeModel } from "../core/exchange/exchange_model.ts";
import type { EngineOptions } from "../core/engine.ts";
import { OperationError } from "../core/errors.ts";
import type { ExchangePort } from "../core/session.ts";
import { formatUsdc, type Ms, type Usdc } from "../core/units.ts";
import { accountFlags, accountOptions, openAccount } from "./account.ts";
import type { LoadedModel } from "../models/file/open.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { sessionInfo } from "./dashboard/model.ts";
import { MONITOR_FLAGS, monitorFlags } from "./dashboard/options.ts";
import { watched, watchOf } from "./dashboard/watch.ts";
import { parseCount, parseSpan } from "./parse.ts";
import type { FeedRow } from "./report/model.ts";
import { attach, examples } from "./run.ts";
import type { Config } from "./config/schema.ts";
import type { Admission } from "./trading/admission.ts";
import { arm } from "./trading/arming.ts";
import { venuePrediction, withExchangeModel } from "./trading/exchange_model_file.ts";
import { LatencyMeter } from "./trading/latency_meter.ts";
import { type RunHooks, runLive } from "./trading/live_source.ts";
import { LiveTrading, liveWarnings } from "./trading/live_trading.ts";
import { checkOneDecides, modelToTrade } from "./trading/models.ts";
import { SessionRecorder } from "./trading/recorder.ts";
import { RuntimeWatch } from "./trading/runtime_watch.ts";
import { SessionFiles, sessionId } from "./trading/session_files.ts";
import { sessionStart } from "./trading/session_start.ts";
import { engineOptions, paperOptions } from "./trading/settings.ts";
import { forTape, TAPE_DRAIN_MS, tapeWindows } from "./trading/tape_session.ts";
import { openWithCodecs, readFrames } from "./trading/tape_source.ts";
import { finishTrade } from "./trading/trade_result.ts";
import { METRICS_NAME } from "./training/files.ts";
import { type OnlineChoice, OnlineTraining, planOnline } from "./training/online.ts";

const DEFAULT_SEED = 42;
const monotonicUs = (): number => performance.now() * 1000;
const meterOf = (runtime: RuntimeWatch): LatencyMeter =>
  new LatencyMeter(() => performance.now(), () => runtime.takeWorstLagUs());

/** Adds `trade` to the program. */
export function register(program: Command): void {
  const command = program.command("trade");
  // The dashboard shows the training of the session unless another log is named.
  command.on("option:train", (folder: string) => {
    if (command.getOptionValue("training") === undefined) {
      command.setOptionValue("training", join(folder, METRICS_NAME));
    }
  });
  attach(
    monitorFlags(accountFlags(command))
      .description("run the engine: watch, decide, pass the gate, fill, settle, report")
      .option("--paper", "fill orders on the simulated exchange against the live book")
      .option("--live", "send orders to the venue; needs arming, see docs/live.md")
      .option("--yes", "with --live: do not ask again")
      .option("--strategy <name>", "hold, random, momentum, mean-revert, fade-spike, gating, fair-value")
      .option("--model <file>", "decide by this model in place of a strategy, see docs/models.md")
      .option("--asset <list>", "assets, for example btc,eth")
      .option("--duration <list>", "window lengths: 5m,15m,4h")
      .option("--size <pUSD>", "stake of one trade (sizing.usdc)")
      .option("--windows <n>", "stop after n windows of each asset and length are settled")
      .option("--for <time>", "stop after this time of the venue's clock, for example 30m")
      .option("--tape <dir>", "take events from a tape in place of sockets")
      .option("--seed <n>", "seed of strategies that draw", String(DEFAULT_SEED))
      .option("--exchange-model <file>", "measured parameters of `calibrate`, in place of those of `paper`")
      .option(
        "--predict-with <file>",
        "with --paper: predict orders with this model, not with the exchange's own",
      )
      .option("--train <dir>", "with --paper: learn from the live market into this folder, docs/learning.md")
      .option("--train-from <dir>", "with --train: begin with the training of this folder")
      .option("--report <file>", "also write the HTML report here")
      .option(
        "--latency-out <file>",
        "write the stages' latencies here as CSV, and the orders' stamps beside it",
      )
      .addHelpText(
        "after",
        examples([
          "trade --paper --venue sim --asset btc,eth --windows 2",
          "trade --paper --strategy momentum --duration 15m --for 1h --json",
          "trade --paper --train learned --train-from lag15 --for 8h",
          "trade --live --strategy fair-value --windows 3",
          "trade --paper --tape tapes/btc5m --strategy fair-value --set risk.maxFastAgeMs=120000",
        ]),
      ),
    "trade",
    watched(trade),
    {
      proxy: true,
      configFlags: {
        asset: "assets",
        duration: "durations",
        strategy: "strategy.name",
        size: "sizing.usdc",
        ...MONITOR_FLAGS,
      },
    },
  );
}

interface TradeOptions {
  readonly live: boolean;
  readonly yes: boolean;
  readonly tape: string | null;
  readonly windows: number | null;
  readonly forMs: Ms | null;
  readonly seed: number;
  readonly report: string | null;
  readonly exchangeModel: string | null;
  readonly predictWith: string | null;
  readonly latencyOut: string | null;
  readonly model: string | null;
  readonly train: OnlineChoice | null;
}

const textOf = (value: unknown): string | null => typeof value === "string" ? value : null;

function readOptions(options: Record<string, unknown>): TradeOptions {
  const live = options["live"] === true;
  if (live === (options["paper"] === true)) {
    throw new OperationError({
      code: "USAGE",
      message: live
        ? "Cannot trade in two modes: pass --paper or --live"
        : "Cannot trade without a mode: pass --paper or --live",
      hint: "`poly-edge trade --paper --venue sim` trades on the simulated venue.",
      exit: 2,
    });
  }
  const windows = textOf(options["windows"]);
  const span = textOf(options["for"]);
  const tape = textOf(options["tape"]);
  if (live && tape !== null) {
    throw new OperationError({
      code: "USAGE",
      message: "Cannot trade live on a tape",
      hint: "Use --paper with --tape.",
      exit: 2,
    });
  }
  if (live && options["predictWith"] !== undefined) {
    throw new OperationError({
      code: "USAGE",
      message: "Cannot use --predict-with with --live: there is one model, that of the prediction",
      hint: "Use --exchange-model.",
      exit: 2,
    });
  }
  if (tape !== null && (windows !== null || span !== null)) {
    throw new OperationError({
      code: "USAGE",
      message: "Cannot use --windows or --for with --tape: a tape is read to its end",
      hint: "Leave one of them out.",
      exit: 2,
    });
  }
  return {
    live,
    train: trainOf(options, live, tape),
    yes: options["yes"] === true,
    tape,
    windows: windows === null ? null : parseCount(windows, "--windows", 1, 100_000),
    forMs: span === null ? null : parseSpan(span, "--for"),
    seed: parseCount(textOf(options["seed"]) ?? String(DEFAULT_SEED), "--seed", 0, Number.MAX_SAFE_INTEGER),
    report: textOf(options["report"]),
    exchangeModel: textOf(options["exchangeModel"]),
    predictWith: textOf(options["predictWith"]),
    latencyOut: textOf(options["latencyOut"]),
    model: textOf(options["model"]),
  };
}

/** `--train` is for paper on live events: a tape is trained on by `train --tape`, which can do it again. */
function trainOf(options: Record<string, unknown>, live: boolean, tape: string | null): OnlineChoice | null {
  const folder = textOf(options["train"]);
  const from = textOf(options["trainFrom"]);
  if (folder === null && from === null) return null;
  if (folder !== null && !live && tape === null) return { folder, from };
  throw new OperationError({
    code: "USAGE",
    message: folder === null
      ? "Cannot use --train-from without --train"
      : `Cannot train while trading ${live ? "live" : "on a tape"}`,
    hint: folder === null
      ? "Name the new training's folder with --train."
      : live
      ? "Use --paper."
      : "Use `poly-edge train --tape`.",
    exit: 2,
  });
}

async function trade(
  ctx: CommandContext,
  _args: string[],
  given: Record<string, unknown>,
): Promise<CommandResult> {
  const options = readOptions(given);
  checkOneDecides(options.model, given["strategy"]);
  const model = await modelToTrade(ctx, options.model);
  try {
    return await tradeWith(ctx, options, given, model);
  } finally {
    model?.close();
  }
}

async function tradeWith(
  ctx: CommandContext,
  options: TradeOptions,
  given: Record<string, unknown>,
  model: LoadedModel | null,
): Promise<CommandResult> {
  const config = await withExchangeModel(ctx.config, options.exchangeModel);
  const made = () =>
    engineOptions(config, { strategy: config.strategy.name, seed: options.seed, stops: true, model });
  const settings = made();
  if (options.live) return await tradeLive(ctx, options, { config, settings, made }, given);
  const predicting = await withExchangeModel(config, options.predictWith);
  // The source is reached before anything is written, so that a wrong venue leaves no empty session behind.
  const source = options.tape === null
    ? { kind: "sockets" as const, venue: await ctx.venue() }
    : { kind: "tape" as const, tape: await openWithCodecs(options.tape) };
  const engine = source.kind === "tape"
    ? forTape(ctx, source.tape.manifest, options.tape ?? "tape", settings)
    : settings;
  const plan = options.train === null
    ? null
    : await planOnline(options.train, { config, engine, seed: options.seed });
  const session = await openSession(ctx, options, {
    mode: "paper",
    source: source.kind,
    engine,
    config,
    exchange: new ExchangeModel(paperOptions(config)),
    predicts: new ExchangeModel(paperOptions(predicting)),
  });
  const { files, recorder } = session;
  const runtime = new RuntimeWatch(monotonicUs);
  const meter = meterOf(runtime);
  let training: OnlineTraining | null = null;
  try {
    training = plan === null ? null : new OnlineTraining(plan, (warning) => ctx.warn(warning));
    const hooks = { latency: (now: Ms) => meter.due(now), ...learningHooks(training) };
    const feeds = source.kind === "sockets"
      ? await fromSockets(ctx, source.venue, options, recorder, hooks)
      : await fromTape(ctx, source.tape, recorder, tapeWindows(ctx, given), files);
    return await finishTrade(ctx, {
      ...session,
      feeds,
      source: source.kind,
      extraReport: options.report,
      latencyOut: options.latencyOut,
      runtime: runtime.report(),
      live: null,
      training: await training?.close() ?? null,
    });
  } finally {
    runtime.close();
    await training?.close();
    await files.close();
  }
}

const learningHooks = (training: OnlineTraining | null): RunHooks =>
  training === null ? {} : { seen: (events) => training.seen(events), note: () => training.note() };

interface SessionParts {
  readonly mode: "paper" | "live";
  readonly source: "sockets" | "tape";
  readonly engine: EngineOptions;
  readonly config: Config;
  readonly exchange: ExchangePort;
  /** What the parity ledger predicts with. */
  readonly predicts: ExchangeModel;
}

/** The session's folder and its engine. */
async function openSession(
  ctx: CommandContext,
  options: TradeOptions,
  { mode, source, engine, config, exchange, predicts }: SessionParts,
): Promise<{ readonly id: string; readonly files: SessionFiles; readonly recorder: SessionRecorder }> {
  const id = sessionId(mode, ctx.startedAt);
  const start = sessionStart({ id, mode, source, config, seed: options.seed, engine });
  const files = await SessionFiles.open(ctx.dataDir, start);
  const watch = watchOf(ctx);
  const recorder = new SessionRecorder({
    engine,
    ...(watch === null ? {} : { observer: watch.observer }),
    exchange,
    monotonicUs,
    instrument: ctx.config.latency.stages,
    writeDecision: (line) => files.writeDecision(line),
    record: files.record,
    parity: { model: predicts, ownInBook: mode === "live", write: (lines) => files.writeParity(lines) },
    onSettled: (slug) =>
      ctx.log.info("window settled", { slug, sessionPnl: formatUsdc(recorder.pnl().final) }),
  });
  watch?.bind({ info: sessionInfo(start, ctx.startedAt), recorder });
  return { id, files, recorder };
}

/** Idle connections for orders are used this often, so that the next order finds one open. Wall ms. */
const KEEP_ALIVE_MS = 10_000;

/** One for each order that a step can send at most, and one for what is read beside them: no order waits for another's answer. */
const connectionsFor = (windows: number): number => Math.min(MAX_CONNECTIONS, windows + 1);
const MAX_CONNECTIONS = 9;

/** Armed, reconciled, then the same session as on paper with the venue behind the port. */
async function tradeLive(
  ctx: CommandContext,
  options: TradeOptions,
  { config, made, settings }: {
    readonly config: Config;
    readonly settings: EngineOptions;
    /** Makes the same again, with a policy of its own. */
    readonly made: () => EngineOptions;
  },
  given: Record<string, unknown>,
): Promise<CommandResult> {
  const live = await openLive(ctx, options, given, made);
  // What is in the account comes with the gateway's first event.
  const engine = { ...settings, bankroll: 0 as Usdc };
  let failed: unknown = null;
  let told = false;
  let session: Awaited<ReturnType<typeof openSession>> | null = null;
  const runtime = new RuntimeWatch(monotonicUs);
  try {
    session = await openSession(ctx, options, {
      mode: "live",
      source: "sockets",
      engine,
      config,
      exchange: live.gateway,
      predicts: new ExchangeModel(venuePrediction(config)),
    });
    live.bind(session.recorder, meterOf(runtime));
    const venue = { ...live.venue, credentials: live.venue.credentials ?? live.priceCredentials };
    const feeds = await fromSockets(ctx, venue, options, session.recorder, live.hooks);
    await live.close(null);
    told = true;
    return await finishTrade(ctx, {
      ...session,
      feeds,
      source: "sockets",
      extraReport: options.report,
      latencyOut: options.latencyOut,
      runtime: runtime.report(),
      live,
    });
  } catch (error) {
    failed = error;
    throw error;
  } finally {
    runtime.close();
    await live.close(failed);
    // A session that failed may have left orders too; only one that finished has said so.
    if (!told) { for (const warning of liveWarnings(live)) ctx.warn(warning); }
    await session?.files.close();
  }
}

async function openLive(
  ctx: CommandContext,
  options: TradeOptions,
  given: Record<string, unknown>,
  made: () => EngineOptions,
): Promise<LiveTrading> {
  let live: LiveTrading | null = null;
  const account = await openAccount(ctx, {
    ...accountOptions(given),
    unlock: true,
    // A stop cancels orders first.
    closeOnAbort: false,
    keepAliveMs: KEEP_ALIVE_MS,
    connections: connectionsFor(ctx.config.assets.length * ctx.config.durations.length),
    openOrders: () => live === null ? 0 : live.gateway.wallet.life.orders.open,
  });
  try {
    await arm(ctx, account, options.yes);
    live = await LiveTrading.open(ctx, account, made);
    return live;
  } catch (error) {
    await account.close();
    throw error;
  }
}

function fromSockets(
  ctx: CommandContext,
  venue: Awaited<ReturnType<CommandContext["venue"]>>,
  options: TradeOptions,
  recorder: SessionRecorder,
  hooks: RunHooks = {},
): Promise<FeedRow[]> {
  if (venue.credentials === null && !ctx.config.feeds.legacyRtds) {
    ctx.warn({
      code: "PRICES_NO_CREDENTIALS",
      message:
        "No API credentials (POLY_API_KEY, POLY_API_SECRET, POLY_API_PASSPHRASE): the settlement price feed " +
        "stays closed and strikes come late, from the slower sources.",
    });
  }
  return runLive(
    ctx,
    {
      venue,
      assets: ctx.config.assets,
      durations: ctx.config.durations,
      windows: options.windows,
      forMs: options.forMs,
    },
    recorder,
    hooks,
  );
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

/** What `backtest` and `evaluate` share: options, the run, and everything that is written of it. */
import { OperationError } from "../../core/errors.ts";
import { POLICY_NAMES } from "../../core/policy/registry.ts";
import { cacheFolder } from "../../feeds/tape/cache/store.ts";
import type { CommandContext, CommandResult } from "../command.ts";
import { parseCount } from "../parse.ts";
import { renderReport } from "../report/report.ts";
import { writeReport } from "../report/write.ts";
import { type BacktestOutcome, runBacktest } from "./backtest.ts";
import { writeCsv } from "./backtest_csv.ts";
import { backtestReport } from "./backtest_page.ts";
import { backtestData, backtestText, eventsPerSecond } from "./backtest_results.ts";
import { variantsOf } from "./backtest_variants.ts";
import { judgeAll } from "./judgement.ts";
import { exchangeData, latencyFacts, type ModelFiles, NO_MODEL_FILES } from "./model_in_use.ts";
import type { Split } from "./splits.ts";
import { modelsToJudge } from "./models.ts";
import { resolveTapes } from "./tape_paths.ts";
import { countTrials } from "./trials.ts";

const MAX_WORKERS = 64;

function strategiesOf(text: string): string[] {
  const names = text === "all"
    ? [...POLICY_NAMES]
    : text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const unknown = names.find((name) => !POLICY_NAMES.includes(name));
  if (names.length === 0 || unknown !== undefined) {
    throw new OperationError({
      code: "STRATEGY_UNKNOWN",
      message: `Cannot use "${unknown ?? text}" as strategy: known are ${POLICY_NAMES.join(", ")}`,
      hint: "Pass some of them to --strategy, separated by commas, or all.",
      exit: 2,
    });
  }
  return [...new Set(names)];
}

const textOf = (value: unknown): string | null => typeof value === "string" ? value : null;

/** Runs, judges, counts the trials and writes what was asked for. */
export async function backtestCommand(
  ctx: CommandContext,
  args: string[],
  options: Record<string, unknown>,
  split: Split,
  modelFiles: ModelFiles = NO_MODEL_FILES,
): Promise<CommandResult> {
  const workers = textOf(options["workers"]);
  const models = await modelsToJudge(ctx, textOf(options["model"]));
  const asked = textOf(options["strategy"]) ?? (models.length === 0 ? "all" : null);
  const settings = {
    variants: [
      ...(asked === null && options["sweep"] === undefined
        ? []
        : variantsOf(strategiesOf(asked ?? ""), textOf(options["sweep"]))),
      // The digest tells two models of one name apart, also among the trials.
      ...models.map(({ name, ref }) => ({ name, strategy: `model:${ref.sha256}`, params: {}, model: ref })),
    ],
    workers: workers === null ? null : parseCount(workers, "--workers", 1, MAX_WORKERS),
    cache: options["cache"] === false ? null : cacheFolder(ctx.dataDir),
    seed: parseCount(String(options["seed"]), "--seed", 0, Number.MAX_SAFE_INTEGER),
    stops: options["stops"] === true,
    split,
  };
  const resolved = await resolveTapes(ctx, args);
  let outcome: BacktestOutcome;
  try {
    outcome = await runBacktest(ctx, resolved.tapes, settings);
  } finally {
    await resolved.cleanUp();
  }
  warn(ctx, outcome);
  const judgements = judgeAll(outcome, ctx.config, await countTrials(ctx, outcome));
  const report = textOf(options["report"]);
  const csv = textOf(options["csv"]);
  if (report !== null) await writeReport(report, renderReport(backtestReport(ctx, outcome, judgements)));
  const files = csv === null ? [] : await writeCsv(csv, outcome, judgements);
  const written = [
    ...latencyFacts(ctx.config, modelFiles),
    ...(report === null ? [] : [["report", report] as const]),
    ...(csv === null ? [] : [["csv", `${csv}: ${files.join(", ")}`] as const]),
  ];
  return {
    data: {
      ...backtestData(outcome, judgements),
      exchange: exchangeData(ctx.config, modelFiles),
      report,
      csv,
    },
    text: backtestText(ctx, outcome, judgements, written),
    ...(outcome.interrupted ? { exit: 5 as const } : {}),
  };
}

function warn(ctx: CommandContext, outcome: BacktestOutcome): void {
  const { settings, candidates } = outcome;
  if (!settings.stops) {
    ctx.warn({
      code: "STOPS_OFF",
      message:
        "Drawdown and losing-streak stops were only noted (firstStop), and constant stakes went on after the bankroll was " +
        "gone (ruined), so that the whole tape is judged. --stops applies both.",
    });
  }
  if (settings.split.kind !== "all" && candidates.every(({ picks }) => picks.length === 0)) {
    ctx.warn({
      code: "TOO_FEW_WINDOWS",
      message: "There are too few windows to choose on some and judge on later ones: nothing is judged.",
    });
  }
  ctx.log.info("tapes read", {
    events: outcome.events,
    eventsPerSecond: eventsPerSecond(outcome),
    strategies: settings.variants.length,
    workers: outcome.workers,
    caches: outcome.tapes.map((tape) => tape.cache).join(","),
    peakRssBytes: outcome.peakRssBytes,
  });
}

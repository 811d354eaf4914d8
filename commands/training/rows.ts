/** From settings to the rows of an environment and to the chapters that a model is judged on. */
import { OperationError } from "../../core/errors.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { observationSize } from "../../models/env/observation.ts";
import type { Chapter, RowOptions } from "../../models/env/market_row.ts";
import { CANDLE_MAX_AGE_MS } from "../trading/backtest.ts";
import { paperOptions } from "../trading/settings.ts";
import { judge, type JudgedWindow } from "./judge.ts";
import { stakeOf, trainEngine, type TrainSettings } from "./settings.ts";
import { syntheticChapter } from "./synthetic.ts";
import { splitWindows, tapeChapter, type TapeEvents, TapeStream } from "./tape_events.ts";

/** Rows `from` to `to` (exclusive) of the environment; `tapes` is empty for the synthetic market. */
export function buildRows(
  settings: TrainSettings,
  tapes: readonly TapeEvents[],
  from = 0,
  to = settings.rows,
): RowOptions[] {
  const engine = engineFor(settings, tapes);
  return Array.from({ length: to - from }, (_, i) => ({
    engine,
    exchange: () => paperOptions(settings.config),
    decideEveryMs: settings.decideEveryMs,
    reward: settings.reward,
    stake: stakeOf(engine),
    obsSize: observationSize(settings.observation),
    open: chapters(settings, tapes, from + i),
  }));
}

const engineFor = (settings: TrainSettings, tapes: readonly TapeEvents[]) =>
  trainEngine(settings, tapes.some(({ candles }) => candles) ? CANDLE_MAX_AGE_MS : 0);

function chapters(settings: TrainSettings, tapes: readonly TapeEvents[], row: number) {
  const { source, rows } = settings;
  if (source.kind === "synthetic") {
    return (chapter: number): Chapter => syntheticChapter(source.market, "train", row, chapter);
  }
  const split = splitWindows(tapes, source.judgeShare);
  if (split.train.size === 0) {
    throw new OperationError({
      code: "TRAIN_NO_WINDOWS",
      message: `Cannot train on ${
        source.names.join(", ")
      }: no window is left beside those kept back for judging`,
      hint: "Give more tapes, or a smaller --judge-share.",
      exit: 2,
    });
  }
  return (chapter: number): Chapter => tapeChapter(tapes, split, { row, rows, chapter });
}

/** Chapters of the synthetic market that a policy is judged on: markets of other seeds than the trained ones. */
const JUDGE_CHAPTERS = 3;

/** What was never trained on: other synthetic markets, or the last windows of each tape. */
export function judgeChapters(settings: TrainSettings, tapes: readonly TapeEvents[]): Chapter[] {
  const { source } = settings;
  if (source.kind === "synthetic") {
    const hours = source.market.judgeHours;
    return Array.from(
      { length: JUDGE_CHAPTERS },
      (_, chapter) => syntheticChapter({ ...source.market, hours }, "judge", chapter, 0),
    );
  }
  const { judge: kept } = splitWindows(tapes, source.judgeShare);
  return tapes.map((tape) => ({
    stream: new TapeStream(tape),
    accept: ({ conditionId }) => kept.has(conditionId),
  }));
}

/** What a policy earns on the windows that were kept back; `policy` is made anew for every chapter. */
export function judgeOn<C extends Chapter>(
  settings: TrainSettings,
  tapes: readonly TapeEvents[],
  chapters: readonly C[],
  policy: (chapter: C) => Policy,
): JudgedWindow[] {
  const options = { engine: engineFor(settings, tapes), exchange: () => paperOptions(settings.config) };
  return chapters.flatMap((chapter) => judge(policy(chapter), chapter, options));
}

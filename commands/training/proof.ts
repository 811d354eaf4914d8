/**
 * The two experiments that say whether the learner learns: against an oracle on a synthetic market that trails the truth
 * (and on one that does not), and the seeds' collapse under shaped rewards with its recovery without them.
 */
import { FAIR_VALUE_DEFAULTS, fairValuePolicy } from "../../core/policy/fair_value_policy.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { MarketEnv } from "../../models/env/market_env.ts";
import type { UpdateDiagnostics } from "../../models/ppo/diagnostics.ts";
import { SEED_DEFAULTS } from "../../models/ppo/defaults.ts";
import { ppoPolicy } from "../../models/ppo/policy.ts";
import { Trainer } from "../../models/ppo/trainer.ts";
import { configSchema } from "../config/schema.ts";
import type { JudgedWindow } from "./judge.ts";
import { buildRows, judgeChapters, judgeOn } from "./rows.ts";
import { MARKET_PPO, networksOf, type TrainSettings } from "./settings.ts";
import { type SyntheticChapter, syntheticChapter, type SyntheticMarket } from "./synthetic.ts";

/** Thresholds of the oracle's rule that are tried; the best pair on markets of its own is taken. */
const MIN_EDGES = [0.01, 0.03, 0.05, 0.08];
const EXIT_EDGES = [0, 0.02, 0.05, 1];

/** pUSD per window. */
export const meanPnl = (windows: readonly JudgedWindow[]): number =>
  windows.reduce((sum, { pnl }) => sum + pnl, 0) / windows.length / 1e6;

export const proofMarket = (lagMs: number, seed: number): SyntheticMarket => ({
  ...{ seed, assets: ["btc"], duration: "5m", lagMs, signal: 0, hours: 4, judgeHours: 8 },
});

/** Default configuration: stakes of 25 pUSD, the simulated exchange with its latency, hold, queue and fees. */
export function proofSettings(market: SyntheticMarket, seed: number, steps: number): TrainSettings {
  return {
    source: { kind: "synthetic", market },
    rows: 8,
    decideEveryMs: 1_000,
    // The same profit as "share", booked when it arises: less noise for the same answer.
    reward: "equity",
    observation: "edge",
    network: "small",
    // To stop trading is the right answer where nothing can be earned: one action in every state is no collapse there.
    ppo: {
      ...MARKET_PPO,
      rateSchedule: "linear",
      scheduleUpdates: Math.ceil(steps / MARKET_PPO.samples),
      collapse: { ...MARKET_PPO.collapse, enabled: false },
    },
    seed,
    config: configSchema.parse({}),
  };
}

/** Knows the process's own probability of Up, and otherwise trades by the fair-value rule through the same engine. */
function oraclePolicy(chapter: SyntheticChapter, minEdge: number, exitEdge: number): Policy {
  const rule = fairValuePolicy({ ...FAIR_VALUE_DEFAULTS, minEdge, exitEdge });
  return {
    ...rule,
    name: "oracle",
    needs: { fast: true, oracle: false, strike: false },
    decide: (view) => {
      view.fairUp = chapter.stream.truth(view.instrument.conditionId);
      return rule.decide(view);
    },
  };
}

export interface Oracle {
  readonly minEdge: number;
  readonly exitEdge: number;
}

const TUNE_CHAPTERS = 2;

/** The best thresholds on markets that nobody is judged on; "never trade" wins where nothing can be earned. */
export function tuneOracle(settings: TrainSettings, seed: number, lagMs: number): Oracle {
  const market = proofMarket(lagMs, seed);
  let best: Oracle = { minEdge: 1, exitEdge: 1 };
  let bestPnl = 0;
  for (const minEdge of MIN_EDGES) {
    for (const exitEdge of EXIT_EDGES) {
      const tuning = Array.from(
        { length: TUNE_CHAPTERS },
        (_, chapter) => syntheticChapter(market, "train", 1_000, chapter),
      );
      const pnl = meanPnl(
        judgeOn(settings, [], tuning, (chapter) => oraclePolicy(chapter, minEdge, exitEdge)),
      );
      if (pnl > bestPnl) {
        best = { minEdge, exitEdge };
        bestPnl = pnl;
      }
    }
  }
  return best;
}

const judgeSynthetic = (settings: TrainSettings) => judgeChapters(settings, []) as SyntheticChapter[];

/** What the oracle earns on the judged markets. */
export const judgeOracle = (settings: TrainSettings, { minEdge, exitEdge }: Oracle): JudgedWindow[] =>
  judgeOn(
    settings,
    [],
    judgeSynthetic(settings),
    (chapter) => oraclePolicy(chapter, minEdge, exitEdge),
  );

/** Trains from nothing for `steps` decisions and judges the most likely action on markets never seen. */
export function trainAndJudge(
  settings: TrainSettings,
  steps: number,
  onUpdate: (diagnostics: UpdateDiagnostics) => void,
): JudgedWindow[] {
  const trainer = newTrainer(settings);
  trainer.run(steps, ({ diagnostics }) => onUpdate(diagnostics));
  const model = trainer.freeze();
  return judgeOn(
    settings,
    [],
    judgeSynthetic(settings),
    () => ppoPolicy(model, { decideEveryMs: settings.decideEveryMs, maxMarkets: 8 }),
  );
}

function newTrainer(settings: TrainSettings): Trainer {
  return new Trainer({
    env: new MarketEnv(buildRows(settings, [])),
    ...networksOf(settings.network, settings.observation),
    ppo: settings.ppo,
    seed: settings.seed,
    now: () => performance.now(),
  });
}

/** One update of the collapse experiment. */
export interface PhasePoint {
  readonly phase: 1 | 2;
  readonly update: number;
  readonly entropy: number;
  readonly holdShare: number;
  /** Of the largest action. */
  readonly topShare: number;
  readonly rewardMean: number;
}

/** The seeds' updates in each phase. */
const PHASE_UPDATES = 36;

/**
 * Phase 1: the seeds' shaped reward, discount 0.995 and entropy coefficient (0.02, from half-way 0.05). Phase 2: the same
 * weights, probability profit at the close only, discount 0.99, entropy 0.1. Networks and 18 features of the seeds, not
 * normalised, four assets in 15-minute windows, a decision every half second, no fee, as theirs; the spread is paid.
 */
export function collapseAndRecovery(seed: number): PhasePoint[] {
  const market: SyntheticMarket = {
    ...{ ...proofMarket(0, seed), assets: ["btc", "eth", "sol", "xrp"], duration: "15m", feePpm: 0 },
  };
  const base: TrainSettings = {
    ...proofSettings(market, seed, 1),
    rows: 4,
    decideEveryMs: 500,
    observation: "seeds",
    network: "seed",
  };
  const points: PhasePoint[] = [];
  let last: Trainer | null = null;
  const run = (phase: 1 | 2, settings: TrainSettings, updates: number) => {
    const trainer = newTrainer(settings);
    if (last !== null) {
      trainer.actor.restore(last.actor.snapshot());
      trainer.critic.restore(last.critic.snapshot());
    }
    for (let i = 0; i < updates; i++) {
      const { diagnostics } = trainer.update();
      points.push({
        phase,
        update: points.length + 1,
        entropy: diagnostics.entropy,
        holdShare: diagnostics.actionShares[0]!,
        topShare: Math.max(...diagnostics.actionShares),
        rewardMean: diagnostics.rewardMean,
      });
    }
    last = trainer;
  };
  const ppo = {
    ...SEED_DEFAULTS,
    normaliseObservations: false,
    collapse: { ...SEED_DEFAULTS.collapse, enabled: false },
  };
  const shaped = (entropyCoef: number): TrainSettings => ({
    ...base,
    reward: "shaped",
    ppo: { ...ppo, gamma: 0.995, entropyCoef },
  });
  run(1, shaped(0.02), PHASE_UPDATES / 2);
  run(1, shaped(0.05), PHASE_UPDATES / 2);
  run(2, { ...base, reward: "probability", ppo }, PHASE_UPDATES);
  return points;
}

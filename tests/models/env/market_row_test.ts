import assert from "node:assert/strict";
import { Engine, type EngineOptions } from "../../../core/engine.ts";
import { ExchangeModel } from "../../../core/exchange/exchange_model.ts";
import { type Action, HOLD, WANT_DOWN, WANT_UP } from "../../../core/policy/policy.ts";
import { seededRandom } from "../../../core/random.ts";
import { DEFAULT_LIMITS } from "../../../core/risk/gate.ts";
import { Session } from "../../../core/session.ts";
import type { Usdc } from "../../../core/units.ts";
import { MarketStream } from "../../../fixtures/market/stream.ts";
import { MarketEnv } from "../../../models/env/market_env.ts";
import { MarketRow, type RowOptions } from "../../../models/env/market_row.ts";
import type { RewardName } from "../../../models/env/reward.ts";
import { newEnvStep } from "../../../models/ppo/env.ts";

const START_MS = 1_795_248_000_000;
const STAKE = 25_000_000 as Usdc;
const BANKROLL = 1_000_000_000 as Usdc;
const ENGINE: Omit<EngineOptions, "policy"> = {
  sizing: { mode: "fixed", amount: STAKE },
  limits: { ...DEFAULT_LIMITS, stops: false, reachMs: 200 },
  bankroll: BANKROLL,
  credit: 1_000_000_000_000 as Usdc,
  orderMaxAgeMs: 1_000,
  decideEveryMs: 5_000,
};

const stream = (chapter: number) =>
  new MarketStream({
    ...{
      seed: 40 + chapter,
      startMs: START_MS,
      assets: ["btc"],
      durations: ["5m"],
      lagMs: 10_000,
      signal: 0,
    },
    ...{ historyHours: 5, spanMs: 1_200_000, everyMs: 1_000 },
  });

const options = (reward: RewardName = "share"): RowOptions => ({
  engine: ENGINE,
  exchange: () => ({ bankroll: BANKROLL }),
  ...{ decideEveryMs: 5_000, reward, stake: STAKE, obsSize: 24 },
  open: (chapter) => ({ stream: stream(chapter), accept: ({ startMs }) => startMs > START_MS }),
});

/** Acts by a fixed draw until `windows` windows have ended; gives actions and rewards of the first chapter. */
function playRandom(row: MarketRow, windows: number) {
  const random = seededRandom(3);
  const actions: Action[] = [];
  const rewards: number[] = [];
  row.reset();
  for (let ended = 0; ended < windows;) {
    const action = [HOLD, WANT_UP, WANT_DOWN][Math.floor(random() * 3)]!;
    actions.push(action as Action);
    row.step(action as Action);
    rewards.push(row.reward);
    if (row.end !== "running") ended++;
  }
  return { actions, rewards };
}

Deno.test("a row earns to the last digit what the same actions earn through the engine on its own", () => {
  const { actions, rewards } = playRandom(new MarketRow(options()), 3);
  let at = 0;
  let first = Infinity;
  const engine = new Engine({
    ...ENGINE,
    policy: {
      ...{ name: "script", needs: { fast: true, oracle: false, strike: false }, decideEveryMs: 5_000 },
      statesProbability: false,
      decide: (view) => {
        if (view.instrument.startMs <= START_MS) return HOLD;
        first = Math.min(first, view.now);
        return actions[at++] ?? HOLD;
      },
    },
  });
  const session = new Session(
    engine,
    new ExchangeModel({ bankroll: BANKROLL + 1_000_000_000_000 as Usdc }),
  );
  const source = stream(0);
  for (let event = source.next(); event !== null; event = source.next()) session.feed(event, source.more);
  assert.equal(at, actions.length, "both were asked as often");
  assert.ok(engine.portfolio.trades.length > 20, "there was trading");
  const sum = rewards.reduce((total, reward) => total + reward, 0);
  assert.ok(Math.abs(sum - engine.portfolio.realised / STAKE) < 1e-9, `${sum}`);
});

Deno.test("`equity` books the same profit as `share`, earlier", () => {
  const share = playRandom(new MarketRow(options("share")), 3);
  const equity = playRandom(new MarketRow(options("equity")), 3);
  assert.deepEqual(equity.actions, share.actions);
  const total = (rewards: number[]) => rewards.reduce((sum, reward) => sum + reward, 0);
  assert.ok(Math.abs(total(equity.rewards) - total(share.rewards)) < 1e-9);
  const count = (rewards: number[]) => rewards.filter((reward) => reward !== 0).length;
  assert.ok(count(equity.rewards) > count(share.rewards));
});

Deno.test("who always holds is rewarded with nothing, whatever the reward is", () => {
  for (const reward of ["share", "equity", "probability", "shaped"] as const) {
    const row = new MarketRow(options(reward));
    row.reset();
    for (let i = 0; i < 100; i++) {
      row.step(HOLD);
      assert.equal(row.reward, 0, reward);
    }
  }
});

Deno.test("`shaped` pays for the act of trading, `probability` only for its result", () => {
  const first = (reward: RewardName) => {
    const row = new MarketRow(options(reward));
    row.reset();
    row.step(WANT_UP);
    return row.reward;
  };
  assert.equal(first("probability"), 0);
  assert.notEqual(first("shaped"), 0);
});

Deno.test("an episode is a window: 60 decisions of 5 s, then the next one begins, and chapters follow each other", () => {
  const row = new MarketRow(options());
  row.reset();
  const lengths: number[] = [];
  for (let steps = 0, ended = 0; ended < 4; steps++) {
    row.step(HOLD);
    if (row.end === "running") continue;
    assert.equal(row.end, "terminated");
    lengths.push(steps + 1);
    steps = -1;
    ended++;
  }
  // The chapter of 20 minutes holds three windows after the first; the fourth is of the next chapter.
  assert.deepEqual(lengths, [60, 60, 60, 60]);
  assert.equal(row.chapterNumber, 1);
});

Deno.test("a snapshot continues bit for bit, in the middle of a window with a position", () => {
  const make = () => new MarketEnv([options(), options("equity")]);
  const env = make();
  const step = newEnvStep(env);
  const random = seededRandom(9);
  const act = () => Int32Array.from({ length: 2 }, () => Math.floor(random() * 3));
  env.reset(step);
  for (let i = 0; i < 250; i++) env.step(act(), step);
  const saved = JSON.parse(JSON.stringify(env.snapshot()));
  const later = Array.from({ length: 60 }, act);
  const other = make();
  const restored = newEnvStep(other);
  other.restore(saved, restored);
  assert.deepEqual(restored.observations, step.observations);
  for (const actions of later) {
    env.step(actions, step);
    other.step(actions, restored);
    assert.deepEqual(restored.rewards, step.rewards);
    assert.deepEqual(restored.observations, step.observations);
    assert.deepEqual(restored.terminated, step.terminated);
  }
});

Deno.test("looking at the windows decides nothing and changes no decision", () => {
  const run = (look: boolean) => {
    const prices: number[] = [];
    const engine = new Engine({
      ...ENGINE,
      policy: {
        ...{ name: "up", needs: { fast: true, oracle: false, strike: false }, decideEveryMs: 5_000 },
        statesProbability: false,
        decide: (view) => {
          prices.push(view.upAsk, ...view.features.values);
          return WANT_UP;
        },
      },
    });
    const session = new Session(engine, new ExchangeModel({ bankroll: BANKROLL }));
    const source = stream(0);
    for (let event = source.next(); event !== null; event = source.next()) {
      if (look) engine.observe(() => {});
      session.feed(event, source.more);
    }
    return { prices, sent: engine.ordersSent, realised: engine.portfolio.realised };
  };
  assert.deepEqual(run(true), run(false));
});

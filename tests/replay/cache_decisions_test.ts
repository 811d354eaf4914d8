import assert from "node:assert/strict";
import { join } from "node:path";
import { HOUR_MS, marketFrames, writeFrames } from "../../bench/replay_market.ts";
import { defaultConfig } from "../../commands/config/schema.ts";
import { paperRun, type StrategyRun } from "../../commands/trading/backtest_run.ts";
import { engineOptions, paperOptions } from "../../commands/trading/settings.ts";
import type { MarketEvent } from "../../core/events.ts";
import type { Usdc } from "../../core/units.ts";
import { CacheFile } from "../../feeds/tape/cache/cache_file.ts";
import { withFolder } from "../feeds/tape/recordings.ts";

const STRATEGIES = ["random", "mean-revert", "fair-value"];
const CREDIT = 1_000_000_000_000 as Usdc;

function runsOf(): StrategyRun[] {
  const config = defaultConfig();
  return STRATEGIES.map((strategy) =>
    paperRun(
      { ...engineOptions(config, { strategy, seed: 3, stops: false }), credit: CREDIT },
      paperOptions(config),
    )
  );
}

function outcomeOf(runs: readonly StrategyRun[]): unknown[] {
  return runs.map((run) => {
    run.finish();
    const { engine, decisions, settled, fills } = run;
    return [decisions.hash, decisions.count, settled, fills, engine.portfolio.trades, engine.portfolio.cash];
  });
}

/** What is left of an event once it was delivered: nothing that anybody could go on with. */
function poison(event: MarketEvent): void {
  for (const [key, value] of Object.entries(event)) {
    if (Array.isArray(value)) value.fill(NaN);
    else if (typeof value === "number") (event as unknown as Record<string, unknown>)[key] = NaN;
    else if (typeof value === "string" && key !== "type") {
      (event as unknown as Record<string, unknown>)[key] = "gone";
    }
  }
}

Deno.test("full-depth market: the cache decides as the events do, and nobody keeps an event or its arrays", async () => {
  await withFolder(async (root) => {
    const frames = marketFrames(HOUR_MS / 5);
    const direct = runsOf();
    for (const frame of frames) {
      frame.forEach((event, i) => direct.forEach((run) => run.event(event, i + 1 < frame.length)));
    }
    const path = join(root, "market.pec");
    await writeFrames(path, frames);
    const replayed = runsOf();
    const file = await CacheFile.open(path);
    const events = await file!.replay((event, more) => {
      for (const run of replayed) run.event(event, more);
      poison(event);
    });
    assert.equal(events, frames.reduce((sum, frame) => sum + frame.length, 0));
    const want = outcomeOf(direct);
    assert.deepEqual(outcomeOf(replayed), want);
    for (const [, decisions, settled, fills] of want as [string, number, unknown[], number][]) {
      assert.ok(decisions > 10 && settled.length > 0 && fills > 0, `${decisions} decisions, ${fills} fills`);
    }
  });
});

/** What a backtest does not prove, as far as its own figures say. Pure. */
import { count, percent, signedMoney } from "./format.ts";
import type { BacktestReport, StrategyResult } from "./model.ts";

function strategyLimits(strategy: StrategyResult): string[] {
  const { performance } = strategy;
  const lines: string[] = [];
  if (performance.trades === 0) {
    return [`${strategy.name} made no trade: this run says nothing about whether it would earn or lose.`];
  }
  if (strategy.ci95 !== null && strategy.ci95[0] <= 0 && strategy.ci95[1] >= 0) {
    lines.push(
      `${strategy.name}: the 95 % interval of its result, ${signedMoney(strategy.ci95[0])} to ${
        signedMoney(strategy.ci95[1])
      } pUSD, contains zero. Over ${count(performance.windows)} windows it cannot be told from luck.`,
    );
  }
  const share = performance.best20ShareOfProfit;
  if (share !== null && performance.trades > 20 && share > 0.5) {
    lines.push(
      `${strategy.name}: its 20 best trades brought ${
        percent(share, 0)
      } of the gross profit; without them the result is ${signedMoney(performance.pnlWithoutBest20)} pUSD.`,
    );
  }
  return lines;
}

/** Sentences that follow from the figures: intervals around zero, few trades carrying the profit, many tries, gaps in the data. */
export function figureLimits(model: BacktestReport): string[] {
  const lines = model.strategies.flatMap(strategyLimits);
  const tried = model.strategies.length;
  if (tried > 1) {
    const chance = 1 - 0.95 ** tried;
    lines.push(
      `${tried} strategies were compared. If none had an edge and they were independent, at least one 95 % interval would miss zero with a chance of ${
        percent(chance, 0)
      }.`,
    );
  }
  const gaps = [...new Set(model.tapes.flatMap((tape) => tape.absent))].sort();
  if (gaps.length > 0) {
    lines.push(
      `Some recordings lack: ${
        gaps.join(", ")
      }. Decisions that would use these inputs were made without them.`,
    );
  }
  const ends = model.tapes.flatMap((tape) => tape.toMs === null ? [] : [tape.toMs as number]);
  if (ends.length > 0 && model.generatedAt !== null) {
    const days = Math.floor((model.generatedAt - Math.max(...ends)) / 86_400_000);
    if (days >= 1) {
      lines.push(
        `The newest recording ended ${
          count(days)
        } days before this report: markets and rules may have changed.`,
      );
    }
  }
  lines.push(
    "Our orders are not in the recordings: nobody answered them, moved away from them or traded against them. The larger the size, the less this run says.",
    "The interval draws windows as if they were independent. Calm and wild hours come in runs, so the true uncertainty is wider.",
  );
  return lines;
}

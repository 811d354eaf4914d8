/** On which basis money is counted, what was at stake, and where a result came from. */
import type { GroupRow } from "../trading/breakdown.ts";
import { claimed } from "./claims.ts";
import { count, DASH, decimal, money, percent, signedMoney, tone } from "./format.ts";
import { type Html, markup } from "./html.ts";
import type { BacktestReport } from "./model.ts";
import { type Column, lead, type Section, table, toned } from "./parts.ts";

const num = (label: string): Column => ({ label, kind: "num" });
const plain = (label: string): Column => ({ label, kind: "plain" });
const amount = (value: number | null): string | Html =>
  value === null ? DASH : toned(signedMoney(value), tone(value));

/** PnL by basis and exposure, strategies side by side. */
export function moneySection(model: BacktestReport): Section {
  const list = claimed(model);
  const bases = list[0]?.claims.basis ?? [];
  const basis = table(
    [{ label: "Basis", kind: "text" }, ...list.map(({ strategy }) => num(strategy.name))],
    bases.map((row, i) => [row.name, ...list.map(({ claims }) => amount(claims.basis[i]?.pnl ?? null))]),
    "No strategy was run.",
  );
  const exposure = table(
    [plain("Strategy"), num("Peak (pUSD)"), num("Mean over the recording (pUSD)"), num("Time in the market")],
    list.map(({ strategy, claims: { exposure } }) => [
      strategy.name,
      money(exposure.peak),
      money(exposure.mean),
      percent(exposure.timeInMarket),
    ]),
    "No strategy was run.",
  );
  return {
    id: "money",
    title: "PnL by basis, exposure",
    content: markup`${
      lead("The same trades, counted in different ways; pUSD.")
    }${basis}<h3>Exposure</h3>${exposure}<p class="caption">Cost with fees of what was held.</p>`,
  };
}

/** A bar to the left or right of zero; `most` is the longest of its table. */
function bar(value: number, most: number): Html {
  const width = most === 0 ? 0 : 50 * Math.abs(value) / most;
  return markup`<div class="diverging ${tone(value)}"><i style="left:${
    decimal(value < 0 ? 50 - width : 50, 2)
  }%;width:${decimal(width, 2)}%"></i></div>`;
}

function groupTable(by: string, rows: readonly GroupRow[]): Html {
  const most = Math.max(0, ...rows.map((row) => Math.abs(row.pnl)));
  return markup`
    <h4>${by}</h4>
    ${
    table(
      [
        plain(by),
        num("Windows"),
        num("Traded"),
        num("PnL"),
        plain(""),
        num("95 % interval"),
        num("Fees"),
      ],
      rows.map((row) => [
        row.key,
        count(row.windows),
        count(row.traded),
        amount(row.pnl),
        bar(row.pnl, most),
        row.ci95 === null ? DASH : `${signedMoney(row.ci95[0])} to ${signedMoney(row.ci95[1])}`,
        money(row.fees),
      ]),
      "",
    )
  }
  `;
}

export function breakdownSection(model: BacktestReport): Section {
  const blocks = claimed(model).filter(({ claims }) => claims.breakdown.some((row) => row.traded > 0)).map((
    { strategy, claims },
  ) => {
    const groups = [...new Set(claims.breakdown.map((row) => row.by))];
    const tables = groups.map((by) => groupTable(by, claims.breakdown.filter((row) => row.by === by)));
    return markup`<details><summary><span class="slug">${strategy.name}</span><span class="dim">${
      signedMoney(strategy.performance.totalPnl)
    } pUSD by ${groups.join(", ")}</span></summary>${tables}</details>`;
  });
  return {
    id: "breakdown",
    title: "Where it came from",
    content: markup`${
      lead(
        "Volatility: terciles of each asset's realised volatility at the window's start, over all windows offered. Trend: the ten minutes before moved by more than half a standard deviation. Groups that were looked for afterwards prove nothing: with twenty groups one interval misses zero by chance.",
      )
    }${blocks.length === 0 ? markup`<p class="empty">Nothing was traded.</p>` : blocks}`,
  };
}

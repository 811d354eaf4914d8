/** The report of strategies over recordings. */
import { COIN_BRIER } from "../../core/stats/brier.ts";
import { MICRO } from "../../core/units.ts";
import { equityCurves } from "./chart_data.ts";
import { count, DASH, dateTime, decimal, money, percent, signedMoney, tone } from "./format.ts";
import { type Html, markup } from "./html.ts";
import { auditSection, choicesSection, verdictSection } from "./claims.ts";
import { breakdownSection, moneySection } from "./breakdown.ts";
import { forest } from "./forest.ts";
import { goSection } from "./go.ts";
import { figureLimits } from "./limits.ts";
import type { BacktestReport, StrategyResult } from "./model.ts";
import type { Page } from "./page.ts";
import {
  bullets,
  chart,
  type Column,
  facts,
  lead,
  mono,
  notSentTable,
  type Section,
  table,
  tiles,
  toned,
  ZOOM_HINT,
} from "./parts.ts";
import { histogram, niceStep, ticks } from "./scales.ts";
import { barChart, reliabilityPlot, seriesGlyph } from "./svg.ts";

const num = (label: string): Column => ({ label, kind: "num" });
const plain = (label: string): Column => ({ label, kind: "plain" });

function header(model: BacktestReport): Html {
  const windows = model.tapes.reduce((sum, tape) => sum + tape.windows, 0);
  const from = model.tapes.flatMap((tape) => tape.fromMs === null ? [] : [tape.fromMs as number]);
  const to = model.tapes.flatMap((tape) => tape.toMs === null ? [] : [tape.toMs as number]);
  return markup`${
    facts([
      { term: "Venue rules", value: model.venue },
      { term: "First event (UTC)", value: dateTime(from.length === 0 ? null : Math.min(...from)) },
      { term: "Last event (UTC)", value: dateTime(to.length === 0 ? null : Math.max(...to)) },
      { term: "Seed", value: String(model.seed) },
    ])
  }${
    tiles([
      { label: "Strategies", value: count(model.strategies.filter((one) => one.claims !== null).length) },
      { label: "Windows", value: count(windows), sub: `in ${count(model.tapes.length)} recordings` },
      { label: "Events", value: count(model.events) },
      {
        label: "Trials on these recordings",
        value: count(model.trials.count),
        sub: `${count(model.trials.thisRun)} of them in this run`,
      },
    ])
  }`;
}

function strategyTable(model: BacktestReport): Html {
  const rows = model.strategies.map((strategy) => {
    const p = strategy.performance;
    return [
      markup`<strong>${strategy.name}</strong>${
        strategy.note === "" ? null : markup`<br><span class="dim">${strategy.note}</span>`
      }`,
      count(p.windows),
      count(p.trades),
      markup`${toned(signedMoney(p.totalPnl), tone(p.totalPnl))}<br><span class="dim">${
        strategy.ci95 === null
          ? "no interval"
          : `${signedMoney(strategy.ci95[0])} to ${signedMoney(strategy.ci95[1])}`
      }</span>`,
      money(strategy.fees),
      percent(p.winRate),
      decimal(p.profitFactor, 2),
      markup`${decimal(p.sharpePerWindow, 3)}<br><span class="dim">${
        strategy.claims?.sharpeCi95 == null
          ? ""
          : `${decimal(strategy.claims.sharpeCi95[0], 3)} to ${decimal(strategy.claims.sharpeCi95[1], 3)}`
      }</span>`,
      money(p.maxDrawdown),
      markup`${percent(p.best20ShareOfProfit, 0)}<br><span class="dim">${
        signedMoney(p.pnlWithoutBest20)
      }</span>`,
    ];
  });
  return table(
    [
      plain("Strategy"),
      num("Windows"),
      num("Trades"),
      num("PnL (95 % interval)"),
      num("Fees"),
      num("Win rate"),
      num("Profit factor"),
      num("Sharpe (95 % interval)"),
      num("Max drawdown"),
      num("Best 20 trades"),
    ],
    rows,
    "No strategy was run.",
  );
}

function resultsSection(model: BacktestReport): Section {
  const bases = [...new Set(model.strategies.map((strategy) => strategy.basis))];
  return {
    id: "results",
    title: "Results",
    content: markup`${
      lead(
        `Money in pUSD. Sharpe is mean over standard deviation of the settlements' results (windows that end together are one), not annualised. "Best 20 trades" is their share of the gross profit, and below it what is left without them. Basis: ${
          bases.join("; ")
        }.`,
      )
    }${strategyTable(model)}${
      forest(
        "Total result with its 95 % interval (pUSD)",
        model.strategies.map(({ name, ci95, performance }) => ({ name, pnl: performance.totalPnl, ci95 })),
        "Dot: result. Bar: bootstrap over settlements. Dashed line: zero.",
      )
    }`,
  };
}

function stopsSection(model: BacktestReport): Section {
  const rows = model.strategies.map((strategy) => {
    const stop = strategy.firstStop;
    return stop === null ? [strategy.name, "never stopped", DASH, DASH, DASH] : [
      strategy.name,
      mono(stop.code),
      dateTime(stop.atMs),
      count(stop.windowsBefore),
      toned(signedMoney(stop.pnlBefore), tone(stop.pnlBefore)),
    ];
  });
  return {
    id: "stops",
    title: "First stop",
    content: markup`${
      lead(
        "When the risk gate first stopped a strategy. A real session would have ended there until a person resumed it.",
      )
    }${
      table(
        [
          plain("Strategy"),
          plain("Reason"),
          plain("Time (UTC)"),
          num("Windows before"),
          num("PnL before (pUSD)"),
        ],
        rows,
        "No strategy was run.",
      )
    }`,
  };
}

function curvesSection(model: BacktestReport): Section {
  const any = model.strategies.some((strategy) => strategy.windowEndMs.length > 0);
  return {
    id: "equity",
    title: "Equity",
    content: any
      ? chart(
        "equity",
        "Equity of each strategy",
        `Bankroll plus results of settled windows, fees included. ${ZOOM_HINT}`,
      )
      : markup`<p class="empty">No window was settled.</p>`,
  };
}

function brierTable(model: BacktestReport): Html {
  const fractions = model.forecasters[0]?.rows.map((row) => row.fraction) ?? [];
  const cell = (value: number | null, error: number | null): string =>
    value === null
      ? DASH
      : error === null
      ? decimal(value, 4)
      : `${decimal(value, 4)} ± ${decimal(error, 4)}`;
  const rows = fractions.map((fraction, index) => [
    `${decimal(fraction * 100, 0)} %`,
    ...model.forecasters.flatMap((one) => {
      const row = one.rows[index];
      return [cell(row?.brier ?? null, row?.standardError ?? null), count(row?.n ?? 0)];
    }),
    decimal(COIN_BRIER, 4),
    ...(model.comparison === null ? [] : [cell(
      model.comparison.rows[index]?.mean ?? null,
      model.comparison.rows[index]?.standardError ?? null,
    )]),
  ]);
  return table(
    [
      plain("Elapsed"),
      ...model.forecasters.flatMap((one) => [num(one.name), num("n")]),
      num("always 0.5"),
      ...(model.comparison === null ? [] : [num(`${model.comparison.b} − ${model.comparison.a}`)]),
    ],
    rows,
    "No forecast was scored.",
  );
}

function forecastSection(model: BacktestReport): Section {
  const fractions = model.forecasters[0]?.rows.map((row) => row.fraction) ?? [];
  const plots = fractions.map((fraction, index) => {
    const label = `${decimal(fraction * 100, 0)} % of the window elapsed`;
    const series = model.forecasters.map((one) => ({ name: one.name, bins: one.reliability[index] ?? [] }));
    return markup`<figure><h3>${label}</h3>${reliabilityPlot(`Reliability at ${label}`, series)}</figure>`;
  });
  const key = model.forecasters.map((one, index) => markup`<span>${seriesGlyph(index)}${one.name}</span>`);
  const note = model.comparison === null
    ? ""
    : " The last column compares both on the same windows; below zero the first named is the better one.";
  return {
    id: "forecasts",
    title: "Forecasts",
    content: markup`${
      lead(`Brier score: mean squared error of the forecast of Up, ± standard error; lower is better.${note}`)
    }${brierTable(model)}${
      plots.length === 0 ? null : markup`
        <h3>Reliability</h3>
        <div class="key">${key}</div>
        <div class="multiples">${plots}</div>
        <p
          class="caption">On the dashed diagonal a forecast of p comes true p of the time. Whiskers: one standard error. Larger markers: more windows.</p>
      `
    }`,
  };
}

function pnlHistogram(strategy: StrategyResult): Html {
  const values = strategy.windowPnl.filter((pnl) => pnl !== 0).map((pnl) => pnl / MICRO);
  if (values.length === 0) {
    return markup`
      <figure>
        <h3>${strategy.name}</h3>
        <p class="empty">No window with a result.</p>
      </figure>
    `;
  }
  const bins = histogram(values);
  const low = bins[0]?.from ?? 0;
  const high = bins.at(-1)?.to ?? 1;
  const at = (value: number): number => (value - low) / (high - low);
  const digits = Math.max(0, Math.ceil(-Math.log10(niceStep(high - low, 3)) - 1e-9));
  const svg = barChart({
    label: `Results per window of ${strategy.name}`,
    bars: bins.map((bin) => ({
      from: at(bin.from),
      to: at(bin.to),
      count: bin.count,
      tone: bin.from >= 0 ? "gain" as const : "loss" as const,
      title: `${decimal(bin.from, 2)} to ${decimal(bin.to, 2)} pUSD: ${count(bin.count)} windows`,
    })),
    xTicks: ticks(low, high, 3).map((tick) => ({ at: at(tick), text: decimal(tick, digits) })),
    xLabel: "result of a window (pUSD)",
    yLabel: "windows",
    marks: low < 0 && high > 0 ? [{ at: at(0), text: "0", anchor: "middle" }] : [],
  });
  const idle = strategy.windowPnl.length - values.length;
  return markup`<figure><h3>${strategy.name}</h3>${svg}<figcaption>${count(values.length)} windows; ${
    count(idle)
  } with a result of zero are left out.</figcaption></figure>`;
}

function tapesSection(model: BacktestReport): Section {
  const rows = model.tapes.map((tape) => [
    mono(tape.tape),
    tape.layout,
    count(tape.windows),
    count(tape.events),
    dateTime(tape.fromMs),
    dateTime(tape.toMs),
    tape.absent.length === 0 ? "nothing" : tape.absent.join(", "),
  ]);
  return {
    id: "tapes",
    title: "Recordings",
    content: table(
      [
        plain("Tape"),
        plain("Layout"),
        num("Windows"),
        num("Events"),
        plain("From (UTC)"),
        plain("To (UTC)"),
        { label: "Absent inputs", kind: "text" },
      ],
      rows,
      "No recording was read.",
    ),
  };
}

function notSentSection(model: BacktestReport): Section {
  const blocks = model.strategies.map((strategy) =>
    markup`<h3>${strategy.name}</h3>${notSentTable(strategy.notSent)}`
  );
  return { id: "not-sent", title: "Orders not sent", content: markup`${blocks}` };
}

/** Page of a backtest. */
export function backtestPage(model: BacktestReport): Page {
  return {
    kind: "backtest",
    title: model.title,
    basis: `Basis: ${model.basis}.`,
    header: header(model),
    warnings: model.warnings,
    sections: [
      verdictSection(model),
      resultsSection(model),
      auditSection(model),
      ...choicesSection(model),
      goSection(model),
      curvesSection(model),
      moneySection(model),
      breakdownSection(model),
      stopsSection(model),
      forecastSection(model),
      {
        id: "distribution",
        title: "Results per window",
        content: markup`<div class="multiples">${model.strategies.map(pnlHistogram)}</div>`,
      },
      notSentSection(model),
      {
        id: "assumptions",
        title: "Assumptions",
        content: table(
          [plain("Assumption"), { label: "Value", kind: "text" }],
          model.assumptions.map((row) => [row.name, row.value]),
          "None were stated.",
        ),
      },
      tapesSection(model),
      {
        id: "limits",
        title: "What this report does not prove",
        content: bullets([...model.limits, ...figureLimits(model)]),
      },
    ],
    charts: { equity: equityCurves(model.strategies) },
    version: model.version,
    generatedAt: model.generatedAt,
  };
}

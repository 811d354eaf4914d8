/**
 * What may be claimed, and the flattery audit behind it. A page cannot be made without: `auditSection` trips for a
 * strategy whose audit lacks a row.
 */
import { invariant } from "../../core/errors.ts";
import { AUDIT_ROWS, checkAudit } from "../trading/audit.ts";
import { count, DASH, decimal, percent, signedMoney, tone } from "./format.ts";
import { forest } from "./forest.ts";
import { type Html, markup } from "./html.ts";
import type { BacktestReport, Claims, Evidence, StrategyResult } from "./model.ts";
import { type Column, lead, mono, type Section, table, toned } from "./parts.ts";

const num = (label: string): Column => ({ label, kind: "num" });
const plain = (label: string): Column => ({ label, kind: "plain" });
const text = (label: string): Column => ({ label, kind: "text" });

interface Claimed {
  readonly strategy: StrategyResult;
  readonly claims: Claims;
}

/** Strategies that are judged: all but the yardsticks. */
export const claimed = (model: BacktestReport): Claimed[] =>
  model.strategies.flatMap((strategy) =>
    strategy.claims === null ? [] : [{ strategy, claims: strategy.claims }]
  );

const CLAIM_WORDS = {
  edge: "survives its audit",
  none: "no edge shown",
  undecided: "nothing shown",
} as const;
const CLAIM_TONES = { edge: "gain", none: "loss", undecided: "dim" } as const;

const word = ({ verdict }: Evidence): Html => toned(CLAIM_WORDS[verdict.claim], CLAIM_TONES[verdict.claim]);

export function verdictSection(model: BacktestReport): Section {
  const rows = claimed(model).map(({ strategy, claims }) => [
    markup`<strong>${strategy.name}</strong><br><span class="dim">${claims.on}</span>`,
    word(claims),
    claims.verdict.text,
  ]);
  return {
    id: "verdict",
    title: "Verdict",
    content: markup`${
      lead(
        "An edge is claimed only when the result and its whole interval are above zero, after deflation by all trials, above every baseline on the same windows, and when no row of the audit takes it away.",
      )
    }${table([plain("Strategy"), plain("Verdict"), text("Because")], rows, "No strategy was run.")}`,
  };
}

const FINDINGS = {
  stands: ["stands", "gain"],
  removes: ["takes it away", "loss"],
  informs: ["tells", "dim"],
  none: [DASH, "dim"],
} as const;

const range = (ci95: readonly [number, number] | null): string =>
  ci95 === null ? DASH : `${signedMoney(ci95[0])} to ${signedMoney(ci95[1])}`;

function auditTable(strategy: StrategyResult, { audit }: Evidence): Html {
  const total = strategy.performance.totalPnl;
  const rows = audit.rows.map((row) => [
    row.what,
    row.pnl === null ? DASH : toned(signedMoney(row.pnl), tone(row.pnl)),
    range(row.ci95),
    toned(FINDINGS[row.finding][0], FINDINGS[row.finding][1]),
    row.detail,
  ]);
  return table(
    [plain("Treatment"), num("Result (pUSD)"), num("95 % interval"), plain("Finding"), text("Detail")],
    [["as measured", toned(signedMoney(total), tone(total)), range(strategy.ci95), "", ""], ...rows],
    "",
  );
}

function deflationTable(list: readonly Claimed[]): Html {
  const rows = list.map(({ strategy, claims: { deflated, overfitting, sharpeCi95 } }) => [
    strategy.name,
    decimal(strategy.performance.sharpePerWindow, 4),
    sharpeCi95 === null ? DASH : `${decimal(sharpeCi95[0], 4)} to ${decimal(sharpeCi95[1], 4)}`,
    deflated === null ? DASH : count(deflated.trials),
    decimal(deflated?.benchmark ?? null, 4),
    percent(deflated?.psr ?? null),
    percent(deflated?.dsr ?? null),
    percent(overfitting?.probability ?? null),
  ]);
  return markup`
    <h3>Deflated Sharpe ratio</h3>
    ${
    table(
      [
        plain("Strategy"),
        num("Sharpe"),
        num("95 % interval"),
        num("Trials"),
        num("Best of luck"),
        num("Chance above 0"),
        num("Chance above luck"),
        num("Overfitting (PBO)"),
      ],
      rows,
      "No strategy was run.",
    )
  }
    <p class="caption">A settlement each, not annualised. "Best of luck": the highest ratio that so many trials would show without any skill (Bailey and López de Prado 2014). PBO: how often the best of the past is below the median afterwards; with a sweep only.</p>
  `;
}

function againstTable(list: readonly Claimed[]): Html {
  const rows = list.flatMap(({ strategy, claims }) =>
    claims.against.map(({ name, pnl, ci95 }) => [
      strategy.name,
      name,
      pnl === null ? DASH : toned(signedMoney(pnl), tone(pnl)),
      range(ci95),
    ])
  );
  return markup`
    <h3>Against the baselines, on the same windows</h3>
    ${
    table(
      [plain("Strategy"), plain("Baseline"), num("Earned more by (pUSD)"), num("95 % interval")],
      rows,
      "There is nothing to compare.",
    )
  }
    <p class="caption">hold: never trades. market: buys what the market favours after a fifth of the window and keeps it. random: draws Up, Down or nothing.</p>
  `;
}

/** Trips (a bug) for a strategy without its whole audit. */
export function auditSection(model: BacktestReport): Section {
  const list = claimed(model);
  const blocks = list.map(({ strategy, claims }) => {
    checkAudit({ candidate: strategy.name, rows: claims.audit.rows });
    const traded = claims.audit.rows.some((row) => row.finding !== "none");
    return markup`<h3>${strategy.name}</h3>${
      claims.audit.complete
        ? traded
          ? markup`${auditTable(strategy, claims)}${
            forest(
              `${strategy.name}: what is left (pUSD)`,
              [
                { name: "as measured", pnl: strategy.performance.totalPnl, ci95: strategy.ci95 },
                ...claims.audit.rows.map(({ what, pnl, ci95 }) => ({ name: what, pnl, ci95 })),
              ],
              "Shuffled outcomes: mean and middle 95 % of the deals.",
            )
          }`
          : markup`<p class="empty">No trade: nothing to audit.</p>`
        : markup`<p class="empty">The audit was interrupted. Nothing may be concluded.</p>`
    }`;
  });
  invariant(AUDIT_ROWS.length > 0 && blocks.length === list.length, "every strategy has its audit");
  return {
    id: "audit",
    title: "Flattery audit",
    content: markup`${
      lead(
        "The same strategies over the same windows with one flattery taken away (or, for mid prices and fees, given) at a time. It is part of every report.",
      )
    }${blocks}${deflationTable(list)}${againstTable(list)}`,
  };
}

/** How parameters were chosen, and held-out assets; absent when nothing was chosen. */
export function choicesSection(model: BacktestReport): Section[] {
  const list = claimed(model);
  const choices = list.flatMap(({ claims }) =>
    claims.choices.map((row) => [
      mono(row.chosen),
      row.fold,
      count(row.among),
      count(row.trainWindows),
      row.inSample === null ? DASH : signedMoney(row.inSample),
      count(row.testWindows),
      toned(signedMoney(row.outOfSample), tone(row.outOfSample)),
    ])
  );
  const assets = list.flatMap(({ strategy, claims }) =>
    claims.assets.map((row) => {
      checkAudit({ candidate: strategy.name, rows: row.audit.rows });
      return [
        strategy.name,
        row.on,
        count(row.windows),
        count(row.trades),
        toned(signedMoney(row.pnl), tone(row.pnl)),
        range(row.ci95),
        word(row),
        row.verdict.text,
      ];
    })
  );
  if (choices.length === 0 && assets.length === 0) return [];
  const chosen = choices.length === 0 ? null : table(
    [
      plain("Chosen"),
      plain("Judged"),
      num("Among"),
      num("Windows before"),
      num("In sample (pUSD)"),
      num("Windows judged"),
      num("Out of sample (pUSD)"),
    ],
    choices,
    "",
  );
  const heldOut = assets.length === 0 ? null : markup`<h3>Held-out assets</h3>${
    table(
      [
        plain("Strategy"),
        plain("On"),
        num("Windows"),
        num("Trades"),
        num("PnL"),
        num("95 % interval"),
        plain("Verdict"),
        text("Because"),
      ],
      assets,
      "",
    )
  }`;
  return [{
    id: "choices",
    title: "Chosen before, judged after",
    content: markup`${
      lead(
        "Parameters are chosen by their Sharpe ratio on windows that ended before, and judged on the windows after. The headline is the judged windows only; the in-sample column is there to show how much a choice flatters.",
      )
    }${chosen}${heldOut}`,
  }];
}

/** A backtest's figures as CSV files, for whoever wants to count for themselves. Money is pUSD with six decimals. */
import { join } from "node:path";
import { OperationError } from "../../core/errors.ts";
import { BRIER_FRACTIONS, reliability } from "../../core/stats/brier.ts";
import { formatUsdc, type Usdc } from "../../core/units.ts";
import type { BacktestOutcome } from "./backtest.ts";
import type { Judgements } from "./judgement.ts";

type Cell = string | number | null;
interface Table {
  readonly file: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** RFC 4180: quoted where it must be, empty for null. */
function field(value: Cell): string {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvText = ({ head, rows }: Table): string =>
  [head, ...rows].map((row) => `${row.map(field).join(",")}\n`).join("");

const usdc = (value: number | null): string | null => value === null ? null : formatUsdc(value as Usdc);
const pair = (range: readonly [Usdc, Usdc] | null): [Cell, Cell] =>
  range === null ? [null, null] : [usdc(range[0]), usdc(range[1])];

function tablesOf(outcome: BacktestOutcome, { judged, baselines, forecasts }: Judgements): Table[] {
  const all = judged.flatMap((one) => [one, ...one.assets]);
  const results = [
    ...all.map(({ name, on, figures, verdict, deflated }) => ({ name, on, figures, verdict, deflated })),
    ...baselines.map(({ name, figures }) => ({
      ...{ name, on: "baseline", figures, verdict: null, deflated: null },
    })),
  ];
  return [
    {
      file: "strategies.csv",
      head: [
        ...["strategy", "judged_on", "windows", "trades", "fills", "pnl", "ci95_low", "ci95_high", "fees"],
        ...["win_rate", "profit_factor", "sharpe", "sharpe_low", "sharpe_high", "max_drawdown", "dsr"],
        "verdict",
      ],
      rows: results.map(({ name, on, figures, verdict, deflated }) => {
        const { performance: p, interval, sharpe } = figures;
        return [
          ...[
            name,
            on,
            p.windows,
            p.trades,
            figures.fills,
            usdc(p.totalPnl),
            ...pair(interval?.ci95 ?? null),
          ],
          ...[usdc(figures.fees), p.winRate, p.profitFactor, p.sharpePerWindow],
          ...[sharpe?.ci95[0] ?? null, sharpe?.ci95[1] ?? null, usdc(p.maxDrawdown), deflated?.dsr ?? null],
          verdict?.claim ?? null,
        ];
      }),
    },
    {
      file: "windows.csv",
      head: [
        ...["strategy", "tape", "slug", "asset", "duration", "start", "end", "outcome", "fills", "pnl"],
        ...["fees", "up_shares_at_end", "down_shares_at_end"],
      ],
      rows: [...judged, ...baselines].flatMap(({ name, sample }) =>
        sample.windows.map((w) => [
          ...[name, outcome.tapes[w.tape]?.name ?? null, w.slug, w.asset, w.duration],
          ...[new Date(w.startMs).toISOString(), new Date(w.endMs).toISOString(), w.up ? "up" : "down"],
          ...[w.fills, usdc(w.pnl), usdc(w.fees), usdc(w.upShares), usdc(w.downShares)],
        ])
      ),
    },
    {
      file: "audit.csv",
      head: ["strategy", "judged_on", "row", "what", "pnl", "ci95_low", "ci95_high", "finding", "detail"],
      rows: all.flatMap(({ name, on, audit }) =>
        audit.rows.map((row) => [
          ...[name, on, row.name, row.what, usdc(row.pnl), ...pair(row.ci95), row.finding, row.detail],
        ])
      ),
    },
    {
      file: "breakdown.csv",
      head: ["strategy", "by", "key", "windows", "traded", "pnl", "ci95_low", "ci95_high", "fees"],
      rows: judged.flatMap(({ name, breakdown }) =>
        breakdown.map((row) => [
          ...[
            name,
            row.by,
            row.key,
            row.windows,
            row.traded,
            usdc(row.pnl),
            ...pair(row.ci95),
            usdc(row.fees),
          ],
        ])
      ),
    },
    {
      file: "reliability.csv",
      head: ["forecaster", "elapsed", "from", "to", "windows", "mean_forecast", "share_up"],
      rows: ([["market mid", forecasts.market], ["fair value", forecasts.model]] as const).flatMap((
        [name, score],
      ) =>
        BRIER_FRACTIONS.flatMap((fraction, i) =>
          reliability(score, i).map((bin) => [
            ...[name, fraction, bin.from, bin.to, bin.n, bin.meanForecast, bin.observed],
          ])
        )
      ),
    },
    {
      file: "go_no_go.csv",
      head: ["strategy", "criterion", "required", "state", "value"],
      rows: judged.flatMap(({ name, go }) =>
        go.criteria.map((row) => [name, row.name, row.required, row.state, row.value])
      ),
    },
    {
      file: "choices.csv",
      head: [
        ...["strategy", "fold", "kind", "chosen", "among", "windows_before", "in_sample_pnl"],
        ...["windows_judged", "out_of_sample_pnl"],
      ],
      rows: judged.filter(({ candidate }) => candidate.among > 1).flatMap(({ name, candidate }) =>
        candidate.picks.map(({ fold, chosen, inSample }) => [
          ...[name, fold.name, fold.kind, chosen.name, candidate.among, fold.train.length],
          ...[usdc(inSample?.pnl ?? null), fold.test.length],
          usdc(fold.test.reduce((sum, i) => sum + chosen.windows[i]!.pnl, 0)),
        ])
      ),
    },
  ];
}

/** Writes all files into `folder`, which is made; returns their names. Throws CSV_WRITE_FAILED. */
export async function writeCsv(
  folder: string,
  outcome: BacktestOutcome,
  judgements: Judgements,
): Promise<string[]> {
  const tables = tablesOf(outcome, judgements);
  try {
    await Deno.mkdir(folder, { recursive: true });
    for (const table of tables) await Deno.writeTextFile(join(folder, table.file), csvText(table));
  } catch (cause) {
    throw new OperationError({
      code: "CSV_WRITE_FAILED",
      message: `Cannot write CSV files into ${folder}: ${(cause as Error).message}`,
      hint: "Pass a folder that can be written.",
      cause,
    });
  }
  return tables.map((table) => table.file);
}

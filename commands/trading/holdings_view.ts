/** Holdings and money as commands print them. */
import { formatDecimal, formatPrice, formatShares, formatUsdc, type Shares } from "../../core/units.ts";
import { moneyText, paint, table } from "../output.ts";
import type { Holding, Money } from "./holdings.ts";

/** POL in wei as decimal text. */
export function gasText(wei: bigint): string {
  const digits = wei.toString().padStart(19, "0");
  return `${digits.slice(0, -18)}.${digits.slice(-18, -12)}`;
}

/** Money of `data`: decimal strings. `provisional` is what unconfirmed trades will change cash by. */
export const moneyData = (money: Money) => ({
  collateral: formatUsdc(money.collateral),
  free: formatUsdc(money.free),
  reserved: formatUsdc(money.reserved),
  provisional: {
    out: formatUsdc(money.provisionalOut),
    in: formatUsdc(money.provisionalIn),
  },
  openOrders: money.openOrders,
});

const sharesOrNull = (value: number | null): string | null => value === null ? null : formatDecimal(value, 6);

/** A row of `data.positions`. */
export const holdingData = (row: Holding) => ({
  slug: row.slug,
  conditionId: row.conditionId,
  token: row.token,
  outcome: row.outcome,
  state: row.state,
  shares: formatShares(row.venue as Shares),
  ledger: row.ledger === null ? null : {
    provisional: formatDecimal(row.ledger.provisional, 6),
    final: formatDecimal(row.ledger.final, 6),
  },
  difference: sharesOrNull(row.difference),
  foreign: row.foreign,
  cost: row.cost === null ? null : formatUsdc(row.cost),
  mark: row.mark === null ? null : formatPrice(row.mark),
  value: row.value === null ? null : formatUsdc(row.value),
});

const shares = (value: number): string => formatDecimal(value, 6).replace(/\.?0+$/, "");

function stateText({ foreign, ledger, state }: Holding): string {
  const words = [state === "claimable" ? "claimable: redeem it" : state];
  if (foreign === true) words.push("foreign");
  if (ledger !== null && ledger.provisional !== ledger.final) words.push("unconfirmed");
  return words.join(", ");
}

function chainText(
  { token, venue }: Holding,
  chain: ReadonlyMap<string, bigint> | null,
  mark: (text: string) => string,
): string {
  const held = chain?.get(token);
  if (held === undefined) return "-";
  const text = shares(Number(held));
  return held === BigInt(venue) ? text : mark(`${text} !`);
}

/** Ledger, venue, chain and difference side by side; losers are only counted. */
export function holdingsTable(
  rows: readonly Holding[],
  color: boolean,
  /** Millionths by token; null: the chain was not read. */
  chain: ReadonlyMap<string, bigint> | null = null,
): string {
  const shown = rows.filter(({ state }) => state !== "lost");
  const lost = rows.length - shown.length;
  const note = lost === 0 ? "" : `${lost} tokens of lost windows are worth nothing and not shown.`;
  if (shown.length === 0) return note === "" ? "no positions" : `no positions\n${note}`;
  const pen = paint(color);
  const text = table({
    head: [
      "window",
      "side",
      "final",
      "provisional",
      "venue",
      "chain",
      "difference",
      "cost",
      "bid",
      "value",
      "state",
    ],
    align: ["left", "left", "right", "right", "right", "right", "right", "right", "right", "right", "left"],
    color,
    rows: shown.map((row) => [
      row.slug ?? `${row.conditionId.slice(0, 12)}...`,
      row.outcome ?? "-",
      row.ledger === null ? "-" : shares(row.ledger.final),
      row.ledger === null ? "-" : shares(row.ledger.provisional),
      shares(row.venue),
      chainText(row, chain, pen.yellow),
      row.difference === null ? "-" : row.difference === 0 ? "0" : pen.yellow(shares(row.difference)),
      row.cost === null ? "-" : moneyText(row.cost),
      row.mark === null ? "-" : formatPrice(row.mark),
      row.value === null ? "-" : moneyText(row.value),
      stateText(row),
    ]),
  });
  return note === "" ? text : `${text}\n${note}`;
}

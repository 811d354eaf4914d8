/** Books spelt so that two of them can be compared: the engine's, and what REST says. */
import { ASK, BID, type OrderBook } from "../../core/market/book.ts";
import { parseDecimal } from "../../core/units.ts";

const levelsText = (levels: readonly (readonly [number, number])[]): string =>
  levels.map(([at, size]) => `${at}:${size}`).join(" ");

/** Every level of a book, best first. */
export const bookText = (book: OrderBook): string =>
  `${levelsText(book.levels(BID))} | ${levelsText(book.levels(ASK))}`;

/** The book of REST `/book` in the spelling of `bookText`; null when there is none. */
export async function restBookText(clob: string, token: string): Promise<string | null> {
  const response = await fetch(`${clob}/book?token_id=${token}`);
  const body = await response.json() as { bids?: Level[]; asks?: Level[] };
  if (body.bids === undefined || body.asks === undefined) return null;
  const side = (rows: Level[], sign: number) =>
    levelsText(
      rows.map((row) => [parseDecimal(row.price, 4), parseDecimal(row.size, 6)] as const)
        .sort((a, b) => sign * (a[0] - b[0])),
    );
  return `${side(body.bids, -1)} | ${side(body.asks, 1)}`;
}
interface Level {
  readonly price: string;
  readonly size: string;
}

/** A listing read to its end, or not at all: a part of the open orders passes for the whole only once. */
import type { Ms } from "../../../core/units.ts";
import { HttpError } from "../../net/http.ts";
import { readPage } from "./read_codec.ts";
import type { Listing } from "./types.ts";

/** Base64 of 0 and of -1. */
export const START_CURSOR = "MA==";
const END_CURSOR = "LTE=";

export interface PagingOptions<Row> {
  /** What is listed, for messages. */
  readonly what: string;
  readonly now: () => Ms;
  readonly maxPages: number;
  /** Body of one page. Throws HttpError. */
  readonly fetchPage: (cursor: string) => Promise<unknown>;
  /** Null: a row we cannot read. */
  readonly readRow: (row: unknown) => Row | null;
  /** Rows move between pages while we read; the newest one of each key counts. */
  readonly keyOf: (row: Row) => string;
}

const incomplete = (what: string, why: string): HttpError =>
  new HttpError("SNAPSHOT_INCOMPLETE", `Cannot take the list of ${what} as whole: ${why}`);

/**
 * Reads pages until the venue's end cursor. Throws HttpError: SNAPSHOT_INCOMPLETE for a page without cursor, a cursor that
 * comes back, more pages than `maxPages`, or a row that cannot be read; else what `fetchPage` throws. Pages are cut by
 * offset: a row that leaves between two pages may hide another one, so an absent row is a question, never an answer.
 */
export async function readPages<Row>(options: PagingOptions<Row>): Promise<Listing<Row>> {
  const { what, maxPages } = options;
  const askedAt = options.now();
  const rows = new Map<string, Row>();
  const seen = new Set<string>();
  let cursor = START_CURSOR;
  for (let count = 1; count <= maxPages; count++) {
    seen.add(cursor);
    const page = readPage(await options.fetchPage(cursor));
    if (page === null) throw incomplete(what, `page ${count} is no page of the documented form`);
    for (const raw of page.rows) {
      const row = options.readRow(raw);
      if (row === null) throw incomplete(what, `a row of page ${count} cannot be read`);
      rows.set(options.keyOf(row), row);
    }
    if (page.next === END_CURSOR) return { askedAt, rows: [...rows.values()] };
    if (seen.has(page.next)) throw incomplete(what, `the cursor of page ${count} was used before`);
    cursor = page.next;
  }
  throw incomplete(what, `there are more than ${maxPages} pages`);
}

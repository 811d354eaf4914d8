/**
 * Takes the delays of orders apart: the way there, the hold, the way back. A venue that stamps its answers tells the way
 * there; one that does not tells only the round trip, which is then halved. Orders that rested, or were answered as
 * `delayed`, were not held when their answer left: they give the latency, and what marketable orders waited beyond it is
 * the hold.
 */
import type { ParityRow } from "../../core/exchange/parity_row.ts";
import { quantile } from "../../core/stats/bootstrap.ts";

export interface LatencyEvidence {
  /** Spans in ms. */
  readonly order: readonly number[];
  readonly response: readonly number[];
  readonly holds: readonly number[];
  /** Why the hold cannot be told; null when `holds` can be used. */
  readonly holdNote: string | null;
  /** How the latencies were told. */
  readonly how: string;
}

interface Answer {
  readonly ackMs: number;
  readonly venueMs: number | null;
}

const middle = (spans: readonly number[]): number => quantile(Float64Array.from(spans).sort(), 0.5);
/** Below so many answers that were not held, the median is no measure of the latency. */
const MIN_UNHELD = 5;

function answers(rows: readonly ParityRow[], statuses: readonly string[]): Answer[] {
  return rows.flatMap(({ actual: { status, ackMs, venueMs } }) =>
    status !== null && statuses.includes(status) && ackMs !== null ? [{ ackMs, venueMs }] : []
  );
}

/** Delays of all rows; `configuredHold` (ms) is what held orders waited when the ledger cannot tell. */
export function latencyEvidence(rows: readonly ParityRow[], configuredHold: number): LatencyEvidence {
  const unheld = answers(rows, ["live", "delayed"]);
  const held = answers(rows, ["matched"]);
  const stamped = [...unheld, ...held].every(({ venueMs }) => venueMs !== null) &&
    unheld.length + held.length > 0;
  const there = (answer: Answer): number => stamped ? answer.venueMs! : answer.ackMs;
  const tells = unheld.length >= MIN_UNHELD;
  const base = tells ? middle(unheld.map(there)) : NaN;
  const afterDelay = rows.flatMap(({ actual: { status, ackMs, fillMs } }) =>
    status === "delayed" && ackMs !== null && fillMs !== null ? [fillMs - ackMs] : []
  );
  const holds = tells ? [...held.map((answer) => there(answer) - base), ...afterDelay] : [];
  const holdMs = holds.length > 0 ? Math.max(0, middle(holds)) : configuredHold;
  // What was held tells the latency too, once the hold is taken off.
  const free = [
    ...unheld.map((answer) => ({ there: there(answer), answer })),
    ...held.map((answer) => ({ there: Math.max(0, there(answer) - holdMs), answer })),
  ];
  const holdText = held.length === 0 ? "" : `; a hold of ${Math.round(holdMs)} ms was taken off held orders`;
  return {
    order: free.map((one) => stamped ? one.there : one.there / 2),
    response: free.map((one) => stamped ? one.answer.ackMs - one.answer.venueMs! : one.there / 2),
    holds,
    holdNote: tells || held.length === 0
      ? null
      : `${held.length} held orders and ${unheld.length} others: hold and latency cannot be told apart`,
    how:
      (stamped
        ? "by the venue's own stamps"
        : "half of the round trip each: answers carry no stamp of their own") +
      holdText,
  };
}

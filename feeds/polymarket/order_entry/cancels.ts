/** Cancels by hash: one or a thousand in a request, an outcome for each. */
import { classifyCancel, fieldsOf, namesOf, textOf } from "../../../core/orders/lifecycle_reply.ts";
import type { CancelOutcome } from "../../../core/orders/lifecycle_types.ts";
import { HttpError, statusFailure } from "../../net/http.ts";
import type { Gauge } from "./gauge.ts";
import type { CancelAllReply } from "./types.ts";
import { bodyOf, replyOf, type Wire, type WireEnd } from "./wire.ts";

/** Largest batch of DELETE /orders (since 2026-06-15). */
const MAX_BATCH = 1000;

export interface CancelDesk {
  readonly wire: Wire;
  readonly gauge: Gauge;
  /** Wall ms. */
  readonly deadlineMs: number;
}

/** What the order entry itself says when it keeps a cancel back. */
const NOT_SENT: CancelOutcome = { kind: "unknown", reason: "CANCEL_LIMITED: not sent, our budget is empty" };

function requestOf(batch: readonly string[]) {
  return batch.length === 1
    ? { path: "/order", body: JSON.stringify({ orderID: batch[0] }) }
    : { path: "/orders", body: JSON.stringify(batch) };
}

/** Starts all requests before it returns. Every hash gets an outcome; never rejects. */
export async function cancelHashes(
  desk: CancelDesk,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, CancelOutcome>> {
  const { deadlineMs, gauge, wire } = desk;
  const outcomes = new Map<string, CancelOutcome>();
  const wanted = [...new Set(hashes)];
  const running: { readonly batch: readonly string[]; readonly end: Promise<WireEnd> }[] = [];
  for (let from = 0; from < wanted.length;) {
    const count = gauge.takeCancels(Math.min(MAX_BATCH, wanted.length - from));
    if (count === 0) {
      for (const hash of wanted.slice(from)) outcomes.set(hash, NOT_SENT);
      break;
    }
    const batch = wanted.slice(from, from + count);
    from += count;
    running.push({ batch, end: wire.start({ method: "DELETE", deadlineMs, ...requestOf(batch) }).end });
  }
  for (const { batch, end } of running) {
    const ended = await end;
    gauge.observe("cancels", ended);
    const reply = replyOf(ended);
    for (const hash of batch) outcomes.set(hash, classifyCancel(reply, hash));
  }
  return outcomes;
}

/** DELETE /cancel-all or /cancel-market-orders. Throws HttpError. */
export async function cancelWide(
  desk: CancelDesk,
  route: "cancelAll" | "cancelMarket",
  body: string,
): Promise<CancelAllReply> {
  const { deadlineMs, gauge, wire } = desk;
  gauge.take(route);
  const path = route === "cancelAll" ? "/cancel-all" : "/cancel-market-orders";
  const end = await wire.start({ method: "DELETE", path, body, deadlineMs }).end;
  gauge.observe("cancels", end);
  if (!end.ok) throw end.error;
  if (end.status !== 200) throw statusFailure(path, end, end.text);
  const fields = fieldsOf(bodyOf(end.text));
  if (!Array.isArray(fields["canceled"])) {
    throw new HttpError("BAD_JSON", `Cannot read the answer of ${path}: it lists no cancelled orders`, {
      status: end.status,
      body: end.text.slice(0, 200),
    });
  }
  const refused = Object.entries(fieldsOf(fields["not_canceled"]));
  return {
    canceled: namesOf(fields["canceled"]),
    notCanceled: Object.fromEntries(refused.map(([hash, reason]) => [hash, textOf(reason)])),
  };
}

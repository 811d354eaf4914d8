/**
 * Every wish of the policy that is not a hold, one JSON line each, chained by SHA-256: two runs decided the same if and
 * only if their last hashes agree. Lines hold venue time and integers only, nothing of the wall clock.
 */
import type { Decision } from "../../core/engine.ts";
import { decisionFileLine, decisionHash } from "../../feeds/session/decisions_reader.ts";

export const FIRST_HASH = "0".repeat(64);

/** Canonical line of a decision. */
export function decisionLine(decision: Decision): string {
  const { intent, refusal } = decision;
  return JSON.stringify([
    decision.seq,
    decision.t,
    decision.slug,
    decision.action,
    decision.fairUp,
    intent.orderId,
    intent.outcome,
    intent.side,
    intent.orderType,
    intent.limit,
    intent.size,
    intent.spend,
    refusal === null ? null : [refusal.code, refusal.value, refusal.limit],
  ]);
}

export class DecisionLog {
  private current = FIRST_HASH;
  private waiting: string[] = [];
  count = 0;

  /** `write` gets each finished line; it may throw (disk full). */
  constructor(private readonly write: (line: string) => void = () => {}) {}

  /** Hash of everything so far, lower-case hex. */
  get hash(): string {
    this.flush();
    return this.current;
  }

  /** Adds a decision, chained and written, and returns its canonical line. */
  add(decision: Decision): string {
    const line = this.note(decision);
    this.flush();
    return line;
  }

  /** As `add()`, chained and written by the next `flush()`: an order that the decision led to need not wait for that. */
  note(decision: Decision): string {
    const line = decisionLine(decision);
    this.waiting.push(line);
    this.count++;
    return line;
  }

  /** Chains and writes what was noted. */
  flush(): void {
    if (this.waiting.length === 0) return;
    const lines = this.waiting;
    this.waiting = [];
    for (const line of lines) {
      const next = decisionHash(this.current, line);
      this.write(`${decisionFileLine(line, next)}\n`);
      this.current = next;
    }
  }
}

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

/** A decision whose line is made when somebody wants it. Nobody changes a decision once it was taken. */
export class NotedDecision {
  private text: string | null = null;

  constructor(private readonly decision: Decision) {}

  /** Canonical. */
  get line(): string {
    return this.text ??= decisionLine(this.decision);
  }
}

export class DecisionLog {
  private current = FIRST_HASH;
  private waiting: NotedDecision[] = [];
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
    const noted = this.note(decision);
    this.flush();
    return noted.line;
  }

  /** As `add()`, chained and written by the next `flush()`: an order that the decision led to need not wait for that. */
  note(decision: Decision): NotedDecision {
    const noted = new NotedDecision(decision);
    this.waiting.push(noted);
    this.count++;
    return noted;
  }

  /** Chains and writes what was noted. */
  flush(): void {
    if (this.waiting.length === 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const { line } of waiting) {
      const next = decisionHash(this.current, line);
      this.write(`${decisionFileLine(line, next)}\n`);
      this.current = next;
    }
  }
}

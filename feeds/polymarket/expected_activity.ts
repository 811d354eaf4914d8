/**
 * Tells a silent user channel from a quiet one: what REST has answered about an order must show on the socket too, soon.
 * Pure, time passed in, bounded.
 */
import { hashOf } from "../../core/orders/lifecycle_reply.ts";
import type { Ms } from "../../core/units.ts";

/** Orders whose last message is remembered, and orders that are waited for. */
const MAX_KEPT = 4096;

export class ExpectedActivity {
  /** Time of each order's last message, oldest first. */
  private readonly heard = new Map<string, Ms>();
  /** Deadline of each order that has been answered about and not heard of, earliest first. */
  private readonly due = new Map<string, number>();

  constructor(private readonly withinMs: number) {}

  /** The socket spoke of this order at `at`. */
  hear(hash: string, at: Ms): void {
    const key = hashOf(hash);
    this.heard.delete(key);
    this.heard.set(key, at);
    this.due.delete(key);
    trim(this.heard);
  }

  /** REST shows that something happened to this order at or after `since`; known at `now`. */
  expect(hash: string, since: Ms, now: Ms): void {
    const key = hashOf(hash);
    if ((this.heard.get(key) ?? -Infinity) >= since || this.due.has(key)) return;
    this.due.set(key, now + this.withinMs);
    trim(this.due);
  }

  /** An order that should have been heard of by now; null when there is none. */
  overdue(now: Ms): string | null {
    for (const [hash, deadline] of this.due) {
      if (now >= deadline) return hash;
    }
    return null;
  }

  /** Nothing is waited for any more: a new socket says nothing of the past. */
  forget(): void {
    this.due.clear();
  }
}

function trim(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= MAX_KEPT) return;
    map.delete(key);
  }
}

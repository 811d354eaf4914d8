/** Puts a crash point into a live stack: the process ends by SIGKILL exactly there, with nothing said to anybody. */
import type { Journal } from "../../feeds/journal/journal.ts";
import type { OrderEntry } from "../../feeds/polymarket/order_entry/types.ts";
import type { CrashPoint } from "./crash_plan.ts";

/** Does not return. */
export function die(): never {
  Deno.kill(Deno.pid, "SIGKILL");
  // The signal is delivered before the call returns; this is for the type.
  for (;;);
}

/** Counts what passes once armed, and dies at the point. */
export class Trap {
  private point: CrashPoint | null = null;
  private count = 0;

  /** From now on the point counts. */
  arm(point: CrashPoint | null): void {
    this.point = point;
    this.count = 0;
  }

  private hits(at: CrashPoint["at"]): boolean {
    return this.point?.at === at && ++this.count === this.point.count;
  }

  readonly wrapJournal = (journal: Journal): void => {
    const append = journal.append.bind(journal);
    journal.append = (kind, body, t) => {
      const { point } = this;
      const now = this.hits("row");
      if (now && point?.at === "row" && point.before) die();
      const row = append(kind, body, t);
      if (now || kind === "intent" && this.hits("intent")) die();
      return row;
    };
  };

  readonly wrapEntry = (entry: OrderEntry): OrderEntry => {
    const asking = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A): R => {
      if (this.hits("question")) die();
      return call(...args);
    };
    return {
      ...entry,
      get mode() {
        return entry.mode;
      },
      submit: (body, options) => {
        const { point } = this;
        const now = this.hits("submit");
        const call = entry.submit(body, options);
        if (now && point?.at === "submit") {
          if (point.delayMs === 0) die();
          setTimeout(die, point.delayMs);
          return call.sent ? { sent: true, reply: new Promise(() => {}) } : call;
        }
        if (!call.sent) return call;
        const reply = call.reply.then((answer) => this.hits("reply") ? die() : answer);
        return { sent: true, reply };
      },
      cancel: asking(entry.cancel.bind(entry)),
      lookup: asking(entry.lookup.bind(entry)),
      openOrders: asking(entry.openOrders.bind(entry)),
      trades: asking(entry.trades.bind(entry)),
      collateral: asking(entry.collateral.bind(entry)),
      conditional: asking(entry.conditional.bind(entry)),
      heartbeat: asking(entry.heartbeat.bind(entry)),
    };
  };
}

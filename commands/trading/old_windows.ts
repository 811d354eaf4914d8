/**
 * Windows that were over before the session began and in which the account still holds something: nobody lists them any
 * more, so their winners are asked for.
 */
import type { Engine } from "../../core/engine.ts";
import type { ResolvedEvent } from "../../core/events.ts";
import type { Outcome } from "../../core/market/instrument.ts";
import { type Ms, ms } from "../../core/units.ts";
import { fetchWinner } from "../../feeds/polymarket/clob_rest.ts";
import type { FeedLog } from "../../feeds/net/feed_context.ts";
import type { HttpClient } from "../../feeds/net/http.ts";

/** Between two rounds of questions, ms of the venue's clock. */
const ASK_EVERY_MS = 20_000;
/** Windows asked about in one round. */
const MAX_ASKED = 20;

export interface OldWindowsOptions {
  readonly http: HttpClient;
  readonly clob: string;
  readonly clock: { now(): Ms };
  readonly log: FeedLog;
  readonly emit: (event: ResolvedEvent) => void;
}

export class OldWindows {
  private nextMs = -Infinity;
  private asking: Promise<void> | null = null;
  private cursor = 0;
  private closed = false;
  /** What an answer's handling threw; the next tick throws it. */
  private failure: { readonly cause: unknown } | null = null;

  constructor(private readonly options: OldWindowsOptions) {}

  /** Asks when it is time; never waits. Throws what the session threw when it was told a winner. */
  tick(engine: Engine): void {
    if (this.failure !== null) throw this.failure.cause;
    const now = this.options.clock.now();
    if (this.closed || this.asking !== null || now < this.nextMs) return;
    this.nextMs = now + ASK_EVERY_MS;
    const ids = new Set<string>();
    for (const { conditionId } of engine.portfolio.positions.values()) {
      if (!engine.windows.has(conditionId)) ids.add(conditionId);
    }
    if (ids.size === 0) return;
    // Those that are not resolved yet must not keep the others waiting.
    const all = [...ids];
    const from = this.cursor % all.length;
    const round = [...all.slice(from), ...all.slice(0, from)].slice(0, MAX_ASKED);
    this.cursor = from + round.length;
    this.asking = this.ask(round).finally(() => this.asking = null);
  }

  private async ask(conditionIds: readonly string[]): Promise<void> {
    const { http, clob, clock, log, emit } = this.options;
    for (const conditionId of conditionIds) {
      // The rest of a round may take minutes where nothing answers.
      if (this.closed) return;
      let winner: Outcome | null = null;
      try {
        winner = await fetchWinner(http, clob, conditionId);
      } catch (error) {
        log.debug("a winner cannot be read", { conditionId, message: String(error) });
      }
      if (winner === null) continue;
      const at = ms(clock.now());
      try {
        emit({ type: "resolved", conditionId, winner, source: "venue", tExchange: at, tReceive: at });
      } catch (cause) {
        // A fault of ours, or a full disk: no question without an answer.
        this.failure = { cause };
        return;
      }
    }
  }

  /** Asks nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.closed = true;
    await this.asking;
  }
}

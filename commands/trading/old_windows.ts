/**
 * Windows that were over before the session began and in which the account still holds something: nobody lists them any
 * more, so their winners are asked for.
 */
import type { Engine } from "../../core/engine.ts";
import type { ResolvedEvent } from "../../core/events.ts";
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

  constructor(private readonly options: OldWindowsOptions) {}

  /** Asks when it is time; never waits and never throws. */
  tick(engine: Engine): void {
    const now = this.options.clock.now();
    if (this.asking !== null || now < this.nextMs) return;
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
      try {
        const winner = await fetchWinner(http, clob, conditionId);
        if (winner === null) continue;
        const at = ms(clock.now());
        emit({ type: "resolved", conditionId, winner, source: "venue", tExchange: at, tReceive: at });
      } catch (error) {
        log.debug("a winner cannot be read", { conditionId, message: String(error) });
      }
    }
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.nextMs = Infinity;
    await this.asking;
  }
}

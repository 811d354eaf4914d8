/**
 * The price to beat of each window (polymarket dossier 2.6). First choice is the oracle's own print whose source timestamp
 * is the window's start, to the millisecond: never the nearest one, never by time of receipt. Prints have gaps of up to
 * 4 s, so "no strike" is a state of its own, and later sources may fill it.
 */
import type { OraclePriceEvent, StrikeEvent } from "../../core/events.ts";
import type { Instrument } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";

export type StrikeState =
  | { readonly kind: "waiting" }
  | { readonly kind: "known"; readonly event: StrikeEvent }
  | { readonly kind: "none"; readonly reason: string };

/** The slower sources. Each answers the exact decimal text, or null while it does not know. Throws HttpError. */
export interface StrikeSources {
  cryptoPrice(instrument: Instrument): Promise<string | null>;
  previousFinal(instrument: Instrument): Promise<string | null>;
  gamma(instrument: Instrument): Promise<string | null>;
}

type Source = StrikeEvent["source"];
/** Lower is better; a better source replaces a worse one. */
const RANK: Readonly<Record<Source, number>> = {
  "twap-print": 0,
  "crypto-price": 1,
  "previous-final": 2,
  "gamma": 3,
  "recording": 4,
};

/** The print is normally there 1-2.5 s after the boundary. */
export const PRINT_GRACE_MS = 4000;
/** Previous final and Gamma are published 20-90 s into the window. */
const SLOW_AFTER_MS = 20_000;
const POLL_EVERY_MS = 5000;
const GRID_MS = 300_000;
const KEPT_PRINTS = 8;

interface Tracked {
  readonly instrument: Instrument;
  readonly kind: "twap60" | "spot" | null;
  readonly trackedMs: number;
  known: StrikeEvent | null;
  lastPollMs: number;
}

/** Which print settles this market; null when none of ours does. */
function printKind(instrument: Instrument): "twap60" | "spot" | null {
  const { rule } = instrument;
  if (rule.kind === "spot") return "spot";
  return rule.kind === "twap" && rule.averagingSeconds === 60 ? "twap60" : null;
}

export class StrikeResolver {
  private readonly windows = new Map<string, Tracked>();
  /** Prints on the 5-minute grid, because a window may be found after its start was printed. */
  private readonly boundary = new Map<string, OraclePriceEvent[]>();

  /** Begins to look for a window's strike; gives the event when the print is already here. Repeats are harmless. */
  track(instrument: Instrument, now: Ms): StrikeEvent | null {
    const known = this.windows.get(instrument.conditionId);
    const kind = printKind(instrument);
    if (known !== undefined && known.kind === kind) return null;
    const tracked: Tracked = {
      instrument,
      kind,
      trackedMs: now,
      known: known?.known ?? null,
      lastPollMs: -Infinity,
    };
    this.windows.set(instrument.conditionId, tracked);
    const print = (this.boundary.get(`${kind}:${instrument.asset}`) ?? [])
      .find((p) => p.tExchange === instrument.startMs);
    return print === undefined ? null : this.offer(tracked, "twap-print", print.exact, now);
  }

  untrack(conditionId: string): void {
    this.windows.delete(conditionId);
  }

  /** Looks at every print; gives the strikes it decides, stamped with the print's time of receipt. */
  onPrint(print: OraclePriceEvent): StrikeEvent[] {
    if (print.provider !== "chainlink" || print.tExchange % GRID_MS !== 0) return [];
    const key = `${print.kind}:${print.asset}`;
    const kept = this.boundary.get(key) ?? [];
    if (kept.length === 0) this.boundary.set(key, kept);
    kept.push(print);
    if (kept.length > KEPT_PRINTS) kept.shift();
    const found: StrikeEvent[] = [];
    for (const tracked of this.windows.values()) {
      const { instrument, kind } = tracked;
      if (kind !== print.kind || instrument.asset !== print.asset || instrument.startMs !== print.tExchange) {
        continue;
      }
      const event = this.offer(tracked, "twap-print", print.exact, print.tReceive);
      if (event !== null) found.push(event);
    }
    return found;
  }

  /** Where a window's strike stands at `now`. */
  stateOf(conditionId: string, now: Ms): StrikeState {
    const tracked = this.windows.get(conditionId);
    if (tracked === undefined) return { kind: "none", reason: "the window is not tracked" };
    if (tracked.known !== null) return { kind: "known", event: tracked.known };
    if (tracked.kind === null) return { kind: "none", reason: "no source of ours prints this market's rule" };
    const { endMs, startMs } = tracked.instrument;
    if (now >= endMs) return { kind: "none", reason: "the window ended without a strike" };
    if (now >= startMs + PRINT_GRACE_MS) {
      return { kind: "none", reason: "no print of the start second; asking slower sources" };
    }
    return { kind: "waiting" };
  }

  /** Windows whose slower sources should be asked now; marks them as asked. */
  due(now: Ms): Instrument[] {
    const due: Instrument[] = [];
    for (const tracked of this.windows.values()) {
      const { startMs, endMs } = tracked.instrument;
      if (tracked.kind === null || tracked.known !== null) continue;
      // A late start: the replay of a new subscription is about to bring the print.
      if (now < tracked.trackedMs + PRINT_GRACE_MS) continue;
      if (now < startMs + PRINT_GRACE_MS || now >= endMs || now - tracked.lastPollMs < POLL_EVERY_MS) {
        continue;
      }
      tracked.lastPollMs = now;
      due.push(tracked.instrument);
    }
    return due;
  }

  /**
   * Asks the slower sources of one window in their order, until one knows. A source that fails is skipped: the next
   * poll asks again. `onFailure` is told.
   */
  async poll(
    instrument: Instrument,
    sources: StrikeSources,
    now: () => Ms,
    onFailure: (source: Source, error: unknown) => void = () => {},
  ): Promise<StrikeEvent | null> {
    const chain: (readonly [Source, (i: Instrument) => Promise<string | null>])[] = [
      ["crypto-price", (i) => sources.cryptoPrice(i)],
    ];
    if (now() >= instrument.startMs + SLOW_AFTER_MS) {
      chain.push(["previous-final", (i) => sources.previousFinal(i)], ["gamma", (i) => sources.gamma(i)]);
    }
    for (const [source, ask] of chain) {
      let exact: string | null;
      try {
        exact = await ask(instrument);
      } catch (error) {
        onFailure(source, error);
        continue;
      }
      const tracked = this.windows.get(instrument.conditionId);
      if (tracked === undefined) return null;
      if (exact !== null) return this.offer(tracked, source, exact, now());
    }
    return null;
  }

  private offer(tracked: Tracked, source: Source, exact: string, tReceive: Ms): StrikeEvent | null {
    const value = Number(exact);
    if (!(value > 0) || !Number.isFinite(value)) return null;
    if (tracked.known !== null && RANK[tracked.known.source] <= RANK[source]) return null;
    tracked.known = {
      type: "strike",
      conditionId: tracked.instrument.conditionId,
      value,
      exact,
      source,
      basis: "chainlink",
      tExchange: tracked.instrument.startMs,
      tReceive,
    };
    return tracked.known;
  }
}

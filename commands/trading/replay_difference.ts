/** The first place where a replay left its session, with what a person needs to see why. */
import type { Engine } from "../../core/engine.ts";
import type { Event } from "../../core/events.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import { formatUsdc } from "../../core/units.ts";

/** A recorded or tape event with its place. `line` is of the decompressed record; null on a tape. */
export interface PlacedEvent {
  readonly index: number;
  readonly line: number | null;
  readonly event: Event;
}

/** `expected` and `got` are whole lines (a decision or an intent); null where one side has none. */
export interface Difference {
  /** Number of the event that caused it, from 0. */
  readonly step: number;
  readonly line: number | null;
  readonly expected: string | null;
  readonly got: string | null;
  readonly event: Event;
  /** The events before it, oldest first. */
  readonly before: readonly PlacedEvent[];
  /** The window it is about, as the replay's engine has it; null when it has none. */
  readonly window: Record<string, unknown> | null;
  readonly engine: Record<string, unknown>;
}

/** Keeps the last events, so that a difference can show what led to it. */
export class RecentEvents {
  private readonly kept: PlacedEvent[] = [];
  constructor(private readonly limit = 6) {}

  add(placed: PlacedEvent): void {
    this.kept.push(placed);
    if (this.kept.length > this.limit) this.kept.shift();
  }

  /** All but the newest. */
  get before(): PlacedEvent[] {
    return this.kept.slice(0, -1);
  }
}

/** Index of the first line that differs; null when both lists are the same. */
export function firstUnequal(expected: readonly string[], got: readonly string[]): number | null {
  for (let i = 0; i < expected.length || i < got.length; i++) if (expected[i] !== got[i]) return i;
  return null;
}

/** JSON has no NaN and no Infinity. */
const plain = (value: number): number | null => Number.isFinite(value) ? value : null;

function windowOf(engine: Engine, lines: readonly (string | null)[]): WindowState | null {
  for (const line of lines) {
    if (line === null) continue;
    for (const window of engine.windows.values()) {
      const { slug, conditionId } = window.instrument;
      if (line.includes(JSON.stringify(slug)) || line.includes(JSON.stringify(conditionId))) return window;
    }
  }
  return null;
}

function stateOf(engine: Engine, window: WindowState): Record<string, unknown> {
  const { instrument, up, down } = window;
  const asset = engine.assets.get(instrument.asset)!;
  const book = (side: typeof up) => ({
    bid: side.bestBid,
    ask: side.bestAsk,
    trusted: side.trusted,
    crossed: side.crossed,
  });
  return {
    slug: instrument.slug,
    endMs: instrument.endMs,
    tick: instrument.tick,
    strike: window.strike,
    winner: window.winner,
    up: book(up),
    down: book(down),
    bookAtMs: plain(window.bookAtMs),
    fastPrice: plain(asset.price),
    fastPriceAtMs: plain(asset.priceAtMs),
    oraclePrice: plain(asset.oraclePrice),
    volPerSqrtSecond: plain(asset.volPerSqrtSecond()),
    sharesUp: engine.portfolio.sharesOf(instrument.upToken),
    sharesDown: engine.portfolio.sharesOf(instrument.downToken),
  };
}

/** Describes a difference from the engine as it is right after the step. */
export function describeDifference(
  engine: Engine,
  placed: PlacedEvent,
  before: readonly PlacedEvent[],
  sides: { readonly expected: string | null; readonly got: string | null },
): Difference {
  const window = windowOf(engine, [sides.got, sides.expected]);
  return {
    step: placed.index,
    line: placed.line,
    ...sides,
    event: placed.event,
    before,
    window: window === null ? null : stateOf(engine, window),
    engine: {
      equity: formatUsdc(engine.equity()),
      cash: formatUsdc(engine.portfolio.cash),
      latch: engine.latch,
      stopped: engine.stopped,
      evaluations: engine.evaluations,
      openOrders: [...engine.orders.keys()],
    },
  };
}

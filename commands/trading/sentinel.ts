/**
 * The venue sentinel: compares every window that is listed during a live session with the rules that a person accepted by
 * `doctor`. A window that differs enters the engine as not tradable (`VENUE_DRIFT`), so that the session's record, and
 * with it a replay, has the same refusal.
 */
import type { MarketEvent, WindowEvent } from "../../core/events.ts";
import type { Ms } from "../../core/units.ts";
import { rulesOf } from "./venue_rules.ts";

export interface RuleChange {
  /** For example `btc-5m.fee`. */
  readonly name: string;
  readonly was: string;
  readonly is: string;
}

/** A window whose rules are not those that were accepted. */
export interface Drift {
  readonly slug: string;
  readonly conditionId: string;
  /** When it was noticed, venue ms. */
  readonly atMs: Ms;
  readonly changes: readonly RuleChange[];
}

/** Drifts that are kept for the result; every one is refused. */
const MAX_KEPT = 100;

export interface SentinelOptions {
  /** Rule by name, as accepted. A series that nobody has accepted is compared with its first window of this session. */
  readonly accepted: Readonly<Record<string, string>>;
  /** Called once for each window and each set of changes. */
  readonly onDrift: (drift: Drift) => void;
}

export class VenueSentinel {
  readonly drifts: Drift[] = [];
  private readonly rules: Map<string, string>;
  private readonly told = new Map<string, string>();

  constructor(private readonly options: SentinelOptions) {
    this.rules = new Map(Object.entries(options.accepted));
  }

  /** Events as they may enter the engine; the same array when nothing drifted. */
  judge(events: readonly MarketEvent[]): readonly MarketEvent[] {
    if (!events.some(({ type }) => type === "window")) return events;
    return events.map((event) => event.type === "window" ? this.judgeWindow(event) : event);
  }

  private judgeWindow(event: WindowEvent): WindowEvent {
    const { instrument, tReceive } = event;
    const changes: RuleChange[] = [];
    for (const [name, is] of Object.entries(rulesOf([instrument]))) {
      // Once a window runs its tick may be finer, by the price it has come to.
      if (name.endsWith(".tick") && tReceive >= instrument.startMs) continue;
      const was = this.rules.get(name);
      if (was === undefined) this.rules.set(name, is);
      else if (was !== is) changes.push({ name, was, is });
    }
    if (changes.length === 0) return event;
    this.tell({ slug: instrument.slug, conditionId: instrument.conditionId, atMs: tReceive, changes });
    return { ...event, instrument: { ...instrument, tradable: false, reason: "VENUE_DRIFT" } };
  }

  private tell(drift: Drift): void {
    const key = JSON.stringify(drift.changes);
    if (this.told.get(drift.slug) === key) return;
    this.told.set(drift.slug, key);
    if (this.told.size > MAX_KEPT) this.told.delete(this.told.keys().next().value!);
    if (this.drifts.length < MAX_KEPT) this.drifts.push(drift);
    this.options.onDrift(drift);
  }
}

/** One sentence: `btc-5m.fee was "...", is "..."`. */
export const driftText = ({ changes }: Pick<Drift, "changes">): string =>
  changes.map(({ name, was, is }) => `${name} was "${was}", is "${is}"`).join("; ");

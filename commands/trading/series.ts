/** What the report draws: equity and the windows' prices over time, sampled and bounded. */
import type { WindowState } from "../../core/features/window_state.ts";
import type { MarketView } from "../../core/policy/policy.ts";
import { PRICE_SCALE } from "../../core/units.ts";
import type { PriceChart } from "../report/model.ts";

const SAMPLE_MS = 250;
const MAX_EQUITY_POINTS = 20_000;
/** Charts kept; the oldest window without fills goes first, so that a long session keeps what it traded. */
const MAX_CHARTS = 24;

interface OpenChart {
  readonly slug: string;
  readonly startMs: number;
  readonly endMs: number;
  note: string;
  readonly tMs: number[];
  readonly bid: (number | null)[];
  readonly ask: (number | null)[];
  readonly mid: (number | null)[];
  readonly fair: (number | null)[];
}

const orNull = (value: number): number | null => Number.isNaN(value) ? null : value;
const priceOrNull = (value: number): number | null => value < 0 ? null : value / PRICE_SCALE;

export class SeriesRecorder {
  readonly equity: { tMs: number[]; equity: number[] } = { tMs: [], equity: [] };
  private readonly charts = new Map<string, OpenChart>();
  private readonly traded = new Set<string>();
  private equityEveryMs = 250;

  /** Takes a sample of a window the engine looks at, at most four a second of venue time. */
  view(view: MarketView, window: WindowState): void {
    const { instrument } = window;
    let chart = this.charts.get(instrument.slug);
    if (chart === undefined) {
      chart = {
        slug: instrument.slug,
        startMs: instrument.startMs,
        endMs: instrument.endMs,
        note: "",
        tMs: [],
        bid: [],
        ask: [],
        mid: [],
        fair: [],
      };
      this.charts.set(instrument.slug, chart);
      this.trim();
    }
    const last = chart.tMs.at(-1);
    if (last !== undefined && view.now - last < SAMPLE_MS) return;
    chart.tMs.push(view.now);
    chart.bid.push(priceOrNull(view.upBid));
    chart.ask.push(priceOrNull(view.upAsk));
    chart.mid.push(orNull(view.upMid));
    chart.fair.push(orNull(view.fairUp));
  }

  /** Marks a window as traded, so that its chart is kept longest. */
  fill(slug: string): void {
    this.traded.add(slug);
  }

  note(slug: string, note: string): void {
    const chart = this.charts.get(slug);
    if (chart !== undefined) chart.note = note;
  }

  /** Adds an equity point; when there are too many, every second one is dropped and sampling slows down. */
  addEquity(tMs: number, equity: number, force = false): void {
    const { tMs: times, equity: values } = this.equity;
    const last = times.at(-1);
    if (!force && last !== undefined && tMs - last < this.equityEveryMs) return;
    times.push(tMs);
    values.push(equity);
    if (times.length < MAX_EQUITY_POINTS) return;
    this.equity.tMs = times.filter((_, i) => i % 2 === 0);
    this.equity.equity = values.filter((_, i) => i % 2 === 0);
    this.equityEveryMs *= 2;
  }

  result(): PriceChart[] {
    return [...this.charts.values()].map((chart) => ({
      ...chart,
      startMs: chart.startMs as PriceChart["startMs"],
      endMs: chart.endMs as PriceChart["endMs"],
    }));
  }

  private trim(): void {
    if (this.charts.size <= MAX_CHARTS) return;
    const slugs = [...this.charts.keys()];
    const victim = slugs.slice(0, -1).find((slug) => !this.traded.has(slug)) ?? slugs[0]!;
    this.charts.delete(victim);
  }
}

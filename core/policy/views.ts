/** What a policy sees: one view a window, filled anew in each step and reused. */
import type { AssetState } from "../features/asset_state.ts";
import { fairForWindow } from "../features/fair.ts";
import { computeFeatures, newFeatureVector } from "../features/vector.ts";
import type { WindowState } from "../features/window_state.ts";
import { Portfolio, type Position } from "../orders/portfolio.ts";
import type { Price, Shares } from "../units.ts";
import type { MarketView } from "./policy.ts";

/** Velocity looks back five half-second samples, the newest being the current one. */
const VELOCITY_TICKS = 5;

export class Views {
  /** Filled ones first. */
  readonly all: MarketView[] = [];
  private readonly position = { side: 0, pnlUsdc: 0 };

  constructor(private readonly portfolio: Portfolio) {}

  /** Fills view number `index` with a window as it is at `now`. */
  fill(index: number, window: WindowState, asset: AssetState, now: number): MarketView {
    const { portfolio, position } = this;
    const view = this.all[index] ??= { features: newFeatureVector(), probabilityUp: NaN } as MarketView;
    const { instrument } = window;
    const up = sellable(portfolio.position(instrument.upToken), instrument.minSize);
    const down = sellable(portfolio.position(instrument.downToken), instrument.minSize);
    position.side = up !== undefined ? 1 : down !== undefined ? -1 : 0;
    position.pnlUsdc = ((up === undefined ? 0 : Portfolio.unrealised(up, window.upMark as Price)) +
      (down === undefined ? 0 : Portfolio.unrealised(down, window.downMark as Price))) / 1e6;
    computeFeatures(view.features, asset, window, position, now);
    view.now = now;
    view.instrument = instrument;
    view.timeRemaining = view.features.values[15]!;
    const upTrusted = window.up.trusted && !window.up.crossed;
    const downTrusted = window.down.trusted && !window.down.crossed;
    view.upBid = upTrusted ? window.up.bestBid : -1;
    view.upAsk = upTrusted ? window.up.bestAsk : -1;
    view.downBid = downTrusted ? window.down.bestBid : -1;
    view.downAsk = downTrusted ? window.down.bestAsk : -1;
    view.upMid = upTrusted ? window.upMid : NaN;
    view.velocity = upTrusted ? window.velocity(VELOCITY_TICKS) : NaN;
    view.fairUp = fairForWindow(asset, window, now);
    view.side = position.side;
    view.probabilityUp = NaN;
    return view;
  }
}

/** What is too small to sell rides to settlement and does not count as a position. */
function sellable(position: Position | undefined, minSize: Shares): Position | undefined {
  return position !== undefined && position.shares >= minSize ? position : undefined;
}

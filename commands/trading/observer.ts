/** What watches a session from beside: told what happens, asked nothing, never able to change a decision. */
import type { Decision, Engine } from "../../core/engine.ts";
import type { ExecutionEvent, Intent } from "../../core/events.ts";
import type { WindowState } from "../../core/features/window_state.ts";
import type { MarketView } from "../../core/policy/policy.ts";

/** Called synchronously from the session's loop: must be quick, must not throw, must not keep the view. */
export interface TradeObserver {
  /** After each decision of a window; the view is reused. */
  view(view: MarketView, window: WindowState): void;
  /** A wish that was no hold, sent or refused. */
  decision(decision: Decision): void;
  intent(intent: Intent): void;
  /** Before the engine takes the event. */
  execution(event: ExecutionEvent, engine: Engine): void;
  /** Before the window is forgotten. */
  settled(window: WindowState): void;
}

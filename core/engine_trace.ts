/**
 * Who wants to know how long a decision took. The engine names the places it passes and reads no clock; nothing of what is
 * measured comes back to it this way.
 */
import type { WindowState } from "./features/window_state.ts";

export interface EngineTrace {
  /** The event's own change is in the engine's state. */
  applied(): void;
  /** A window's view and features are computed. */
  features(window: WindowState): void;
  /** The policy has answered. */
  policy(window: WindowState): void;
  /** A wish was drafted and passed the gate, or was refused. Not called for a hold. */
  gated(window: WindowState): void;
}

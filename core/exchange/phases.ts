/**
 * Times when the venue takes less than everything, as data: `restart` refuses every request and matches nothing (425),
 * `postOnly` takes orders that rest only, `halt` is a restart of any length. The weekly restart was about 90 s, followed
 * by two minutes of post-only (documentation of 2026-10).
 *
 * Assumes that resting orders survive, that a cancel in a restart is lost without an answer, and that an order held when
 * a restart begins is refused. Errs towards us without data: a venue that never restarts.
 */
import type { Ms } from "../units.ts";
import type { Assumption } from "./assumption.ts";

export interface Phase {
  /** From here, included. */
  readonly fromMs: Ms;
  /** To here, not included. */
  readonly toMs: Ms;
  readonly kind: "restart" | "postOnly" | "halt";
}

const RESTART_MS = 90_000;
const POST_ONLY_MS = 120_000;

/** A restart as the venue announces it: about 90 s without requests, then two minutes of post-only. */
export const restartAt = (fromMs: Ms, lastsMs = RESTART_MS): readonly Phase[] => {
  const backMs = (fromMs + lastsMs) as Ms;
  return [
    { fromMs, toMs: backMs, kind: "restart" },
    { fromMs: backMs, toMs: (backMs + POST_ONLY_MS) as Ms, kind: "postOnly" },
  ];
};

/** What is in force at a venue time; the strictest where phases overlap. */
export function phaseAt(phases: readonly Phase[], at: number): "open" | "postOnly" | "restart" {
  let found: "open" | "postOnly" | "restart" = "open";
  for (const { fromMs, toMs, kind } of phases) {
    if (at < fromMs || at >= toMs) continue;
    if (kind !== "postOnly") return "restart";
    found = "postOnly";
  }
  return found;
}

export const describePhases = (phases: readonly Phase[]): Assumption => ({
  unit: "phases",
  name: phases.length === 0 ? "always open" : "as given",
  parameters: { phases: phases.length },
  errs: phases.length === 0
    ? "towards us: the venue never restarts"
    : "hardly: resting orders are taken to survive",
});

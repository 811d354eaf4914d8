/**
 * What the venue takes at the moment, from its own answers (dossier 3.5, 3.6; documentation of 2026-09): pure, time passed
 * in. A mode ends by itself; then the next request finds out.
 */
import { fieldsOf, textOf, type WireReply } from "../../../core/orders/lifecycle_reply.ts";
import { type Ms, ms } from "../../../core/units.ts";
import type { VenueMode, VenueModeState } from "./types.ts";

/** `attempt` counts answers of the same mode in a row, for the doubling wait. */
export interface ModeMemory {
  readonly state: VenueModeState;
  readonly attempt: number;
}

export const NORMAL: ModeMemory = { state: { mode: "normal", until: null, reason: "" }, attempt: 0 };

/** First wait 1 to 2 s, doubled up to 30 s (documentation of restarts, 2026-09). */
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 30_000;
/** Longest wait that is believed: a venue that says "in a day" is asked again sooner. */
const MAX_TOLD_MS = 600_000;
/** Two minutes after each restart. */
const POST_ONLY_MS = 120_000;

/** Mode that an answer announces; null when it announces none. */
export function announcedMode(reply: WireReply): Exclude<VenueMode, "normal"> | null {
  const { status, body } = reply;
  if (status === 425) return "restarting";
  if (status === 429) return "limited";
  if (status !== 503) return null;
  const fields = fieldsOf(body);
  const text = typeof body === "string" ? body : textOf(fields["error"]) || textOf(fields["errorMsg"]);
  if (fields["code"] === "post_only_mode" || /post-only mode/i.test(text)) return "post-only";
  if (/cancel-only/i.test(text)) return "cancel-only";
  return /trading is (currently )?disabled/i.test(text) ? "halted" : null;
}

function toldMs(reply: WireReply, retryAfterMs: number | null): number | null {
  const seconds = fieldsOf(reply.body)["retry_after_seconds"];
  const told = typeof seconds === "number" && seconds > 0 ? Math.ceil(seconds * 1000) : retryAfterMs;
  return told === null || !(told > 0) ? null : Math.min(told, MAX_TOLD_MS);
}

/** The mode after an answer. `random` in [0, 1) spreads the waits that the venue does not name. */
export function observeMode(
  memory: ModeMemory,
  reply: WireReply,
  about: { readonly retryAfterMs: number | null; readonly now: Ms; readonly random: () => number },
): ModeMemory {
  const mode = announcedMode(reply);
  if (mode === null) return memory;
  const { now } = about;
  const running = memory.state.until !== null && now < memory.state.until;
  // A full bucket is a smaller thing than an engine that stands.
  if (running && mode === "limited" && memory.state.mode !== "limited") return memory;
  const same = memory.state.mode === mode;
  // Several requests under way get the same answer: one restart, one wait.
  const attempt = same ? memory.attempt + (running ? 0 : 1) : 1;
  const guess = mode === "post-only"
    ? POST_ONLY_MS
    : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * (1 + about.random()) * 2 ** Math.min(attempt - 1, 10));
  const told = toldMs(reply, about.retryAfterMs);
  const until = told === null && same && running ? memory.state.until! : ms(now + Math.ceil(told ?? guess));
  const fields = fieldsOf(reply.body);
  const words = textOf(fields["error"]) || textOf(fields["errorMsg"]) ||
    (typeof reply.body === "string" ? reply.body : "");
  const reason = `${reply.status} ${words}`.trim().slice(0, 200);
  return { state: { mode, until, reason }, attempt };
}

/** The venue took an order although a mode was remembered: it is over. One that still runs was announced after that order. */
export function observeTaken(memory: ModeMemory, now: Ms): ModeMemory {
  return modeAt(memory, now).mode === "normal" ? NORMAL : memory;
}

/** The state at `now`: normal once `until` has passed. The memory keeps its count until the venue takes an order. */
export function modeAt(memory: ModeMemory, now: Ms): VenueModeState {
  const { until } = memory.state;
  return until !== null && now >= until ? NORMAL.state : memory.state;
}

/** Code and sentence for an order that the mode forbids; null when it may go. */
export function modeForbids(
  state: VenueModeState,
  postOnly: boolean,
): { readonly code: string; readonly message: string } | null {
  const code = CODES[state.mode];
  if (code === null || (state.mode === "post-only" && postOnly)) return null;
  return { code, message: `Cannot send an order now: the venue is ${state.mode} (${state.reason})` };
}

const CODES: Readonly<Record<VenueMode, string | null>> = {
  normal: null,
  restarting: "VENUE_RESTARTING",
  "post-only": "VENUE_POST_ONLY",
  "cancel-only": "VENUE_CANCEL_ONLY",
  halted: "VENUE_HALTED",
  limited: "VENUE_LIMITED",
};

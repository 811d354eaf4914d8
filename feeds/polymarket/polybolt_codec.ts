/**
 * PolyBolt price socket: frame text to oracle prints. Pure apart from the sequence state it is given; never throws.
 * Shapes: polymarket dossier 8.1 (2026-10). `full_accuracy_value` is the exact price, `payload.timestamp` the source's time.
 */
import type { OraclePriceEvent } from "../../core/events.ts";
import { type Asset, ASSETS } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import { CONTROL, type FrameVerdict } from "../net/frame.ts";
import { type DecodeSink, isObject, isPlausibleMs, type Json, parseJson, parseNumber } from "../net/sink.ts";

export const SPOT_CHANNEL = "price.crypto";
export const TWAP_CHANNEL = "price.crypto.twap";
/** The one averaging window the venue serves, seconds. */
export const TWAP_WINDOW_S = 60;

const SYMBOLS: ReadonlyMap<unknown, Asset> = new Map(ASSETS.map((asset) => [`${asset}usd`, asset]));
/** Prints remembered per stream for de-duplication: the 120 s of a snapshot replay, with room. */
const SEEN_LIMIT = 512;

/** Stream name for the watchdog: one per channel and asset. */
export const polyboltStream = (kind: "spot" | "twap60", asset: Asset): string => `${kind}:${asset}`;

/** What a decoder remembers: sequence numbers of this connection, prints already passed on. */
export interface PolyboltState {
  readonly seq: Map<string, number>;
  readonly seen: Map<string, Set<number>>;
}

export const newPolyboltState = (): PolyboltState => ({ seq: new Map(), seen: new Map() });

/** The state of one more connection: sequence numbers of its own, prints known to all of them. */
export const nextConnection = (state: PolyboltState): PolyboltState => ({ seq: new Map(), seen: state.seen });

/** A frame that is not data. */
export type PolyboltControl =
  | { readonly kind: "authed" }
  | { readonly kind: "subscribed"; readonly channel: string }
  | { readonly kind: "unsubscribed"; readonly channel: string }
  | { readonly kind: "pong" }
  | { readonly kind: "error"; readonly code: string; readonly channel: string };

export interface PolyboltFrame {
  readonly verdict: FrameVerdict;
  readonly control: PolyboltControl | null;
}

const UNKNOWN: PolyboltFrame = { verdict: null, control: null };
const text = (value: unknown): string => typeof value === "string" ? value.slice(0, 100) : "";

function decodeControl(message: Json): PolyboltFrame {
  const of = (control: PolyboltControl): PolyboltFrame => ({ verdict: CONTROL, control });
  switch (message.op) {
    case "authed":
      return of({ kind: "authed" });
    case "subscribed":
      return of({ kind: "subscribed", channel: text(message.channel) });
    case "unsubscribed":
      return of({ kind: "unsubscribed", channel: text(message.channel) });
    case "pong":
      return of({ kind: "pong" });
    case "error":
      return of({ kind: "error", code: text(message.code), channel: text(message.channel) });
    default:
      return UNKNOWN;
  }
}

interface Source {
  readonly asset: Asset;
  readonly kind: "spot" | "twap60";
  readonly provider: "chainlink" | "pyth";
}

/** One print; null when malformed. */
function decodePrint(row: unknown, source: Source, tReceive: Ms): OraclePriceEvent | null {
  if (!isObject(row) || !isPlausibleMs(row.timestamp)) return null;
  let exact: string;
  if (typeof row.full_accuracy_value === "string") exact = row.full_accuracy_value;
  else if (row.full_accuracy_value === undefined && typeof row.value === "number") exact = String(row.value);
  else return null;
  const value = parseNumber(exact);
  if (!(value > 0)) return null;
  return {
    type: "oraclePrice",
    asset: source.asset,
    kind: source.kind,
    provider: source.provider,
    value,
    exact,
    tExchange: row.timestamp as Ms,
    tReceive,
  };
}

/** True the first time a print's second is seen on its stream. */
export function isNewPrint(state: PolyboltState, stream: string, at: number): boolean {
  let seen = state.seen.get(stream);
  if (seen === undefined) state.seen.set(stream, seen = new Set());
  if (seen.has(at)) return false;
  seen.add(at);
  if (seen.size > SEEN_LIMIT) {
    for (const oldest of seen) {
      seen.delete(oldest);
      break;
    }
  }
  return true;
}

function countSequence(message: Json, state: PolyboltState, sink: DecodeSink): void {
  if (typeof message.dropped === "number" && message.dropped > 0 && Number.isSafeInteger(message.dropped)) {
    sink.dropped += message.dropped;
  }
  if (typeof message.channel !== "string" || !Number.isSafeInteger(message.seq)) return;
  const seq = message.seq as number;
  const last = state.seq.get(message.channel);
  if (last !== undefined && seq > last + 1) sink.gaps += seq - last - 1;
  if (last === undefined || seq > last) state.seq.set(message.channel, seq);
}

/** Provider of a spot print: stated by the payload, else the one we subscribed to. */
function providerOf(payload: Json, subscribed: "chainlink" | "pyth"): "chainlink" | "pyth" | null {
  const stated = payload.source ?? payload.provider ?? subscribed;
  return stated === "chainlink" || stated === "pyth" ? stated : null;
}

function sourceOf(message: Json, payload: Json): Source | null {
  const asset = SYMBOLS.get(payload.symbol);
  const provider = providerOf(payload, "chainlink");
  if (asset === undefined || provider === null) return null;
  if (message.channel === SPOT_CHANNEL) return { asset, kind: "spot", provider };
  if (message.channel === TWAP_CHANNEL && payload.window_seconds === TWAP_WINDOW_S) {
    return { asset, kind: "twap60", provider };
  }
  return null;
}

function pushPrint(print: OraclePriceEvent, stream: string, state: PolyboltState, sink: DecodeSink): void {
  if (isNewPrint(state, stream, print.tExchange)) sink.events.push(print);
  else sink.duplicates++;
}

/**
 * Decodes one frame. Prints of a snapshot come oldest first, those seen before are counted as duplicates. An empty
 * snapshot is a confirmation and no datum.
 */
export function decodePolyboltFrame(
  frame: string,
  tReceive: Ms,
  state: PolyboltState,
  sink: DecodeSink,
): PolyboltFrame {
  const message = parseJson(frame);
  if (!isObject(message)) return UNKNOWN;
  if (typeof message.op === "string") return decodeControl(message);
  if (!isObject(message.payload)) return UNKNOWN;
  const payload = message.payload;
  const source = sourceOf(message, payload);
  if (source === null) return UNKNOWN;
  const stream = polyboltStream(source.kind, source.asset);
  if (message.snapshot === true) {
    if (!Array.isArray(payload.data)) return UNKNOWN;
    const prints: OraclePriceEvent[] = [];
    for (const row of payload.data) {
      const print = decodePrint(row, source, tReceive);
      if (print === null) return UNKNOWN;
      prints.push(print);
    }
    countSequence(message, state, sink);
    prints.sort((a, b) => a.tExchange - b.tExchange);
    for (const print of prints) pushPrint(print, stream, state, sink);
    return { verdict: prints.length === 0 ? CONTROL : stream, control: null };
  }
  const print = decodePrint(payload, source, tReceive);
  if (print === null) return UNKNOWN;
  countSequence(message, state, sink);
  pushPrint(print, stream, state, sink);
  return { verdict: stream, control: null };
}

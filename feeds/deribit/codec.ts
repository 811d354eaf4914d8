/**
 * Deribit's JSON-RPC socket, as far as the volatility index (DVOL) needs it: frame text to events and replies. Pure; never
 * throws. Shapes: exchanges dossier C (2026-07).
 */
import type { VolatilityEvent } from "../../core/events.ts";
import type { Asset } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import { CONTROL, type FrameVerdict } from "../net/frame.ts";
import { type DecodeSink, isObject, isPlausibleMs, parseJson } from "../net/sink.ts";

/** Only these two have a volatility index, whatever the venue's enum lists. */
export const DVOL_ASSETS = ["btc", "eth"] as const satisfies readonly Asset[];
export type DvolAsset = typeof DVOL_ASSETS[number];

/** Liveness: heartbeats, replies and data alike. */
export const HEARTBEAT_STREAM = "heartbeat";

export const dvolChannel = (asset: DvolAsset): string => `deribit_volatility_index.${asset}_usd`;
const BY_CHANNEL: ReadonlyMap<unknown, DvolAsset> = new Map(DVOL_ASSETS.map((a) => [dvolChannel(a), a]));

/** Old rows are fractions (0.21), live ones percent points (60.1). */
const FRACTION_BELOW = 3;

/** Percent points; `scaled` when the source gave a fraction. NaN for what is no volatility. */
export function percentPoints(value: unknown): { readonly value: number; readonly scaled: boolean } {
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    return { value: NaN, scaled: false };
  }
  return value < FRACTION_BELOW ? { value: value * 100, scaled: true } : { value, scaled: false };
}

/** What a frame wants done, beside its events. */
export type DeribitControl =
  | { readonly kind: "testRequest" }
  | { readonly kind: "reply"; readonly id: number; readonly result: unknown }
  | { readonly kind: "error"; readonly id: number | null; readonly code: number; readonly message: string };

export interface DeribitFrame {
  readonly verdict: FrameVerdict;
  readonly control: DeribitControl | null;
  /** The value came as a fraction. */
  readonly scaled: boolean;
}

/** Newest index time per asset: a repeat is the other socket's copy. */
export interface DeribitState {
  readonly newest: Map<Asset, number>;
}

export const newDeribitState = (): DeribitState => ({ newest: new Map() });

const frame = (
  verdict: FrameVerdict,
  control: DeribitControl | null = null,
  scaled = false,
): DeribitFrame => ({
  verdict,
  control,
  scaled,
});
const UNKNOWN = frame(null);

/** Decodes one frame; every frame that is understood proves that the session lives. */
export function decodeDeribitFrame(
  text: string,
  tReceive: Ms,
  state: DeribitState,
  sink: DecodeSink,
): DeribitFrame {
  const message = parseJson(text);
  if (!isObject(message) || message.jsonrpc !== "2.0") return UNKNOWN;
  if (message.method === "heartbeat") {
    if (!isObject(message.params)) return UNKNOWN;
    const testRequest = message.params.type === "test_request";
    return frame(HEARTBEAT_STREAM, testRequest ? { kind: "testRequest" } : null);
  }
  if (message.method === "subscription") return decodeIndex(message.params, tReceive, state, sink);
  const id = typeof message.id === "number" ? message.id : null;
  if (isObject(message.error)) {
    const { code, message: said } = message.error;
    if (typeof code !== "number") return UNKNOWN;
    const words = typeof said === "string" ? said.slice(0, 100) : "";
    return frame(CONTROL, { kind: "error", id, code, message: words });
  }
  if (id === null || message.result === undefined) return UNKNOWN;
  return frame(HEARTBEAT_STREAM, { kind: "reply", id, result: message.result });
}

function decodeIndex(params: unknown, tReceive: Ms, state: DeribitState, sink: DecodeSink): DeribitFrame {
  if (!isObject(params) || typeof params.channel !== "string") return UNKNOWN;
  const asset = BY_CHANNEL.get(params.channel);
  if (asset === undefined) {
    sink.ignored++;
    return frame(HEARTBEAT_STREAM);
  }
  if (!isObject(params.data) || !isPlausibleMs(params.data.timestamp)) return UNKNOWN;
  const at = params.data.timestamp as Ms;
  const { scaled, value } = percentPoints(params.data.volatility);
  if (Number.isNaN(value)) return UNKNOWN;
  if (at <= (state.newest.get(asset) ?? 0)) {
    sink.duplicates++;
    return frame(params.channel);
  }
  state.newest.set(asset, at);
  const stream = params.channel;
  const event: VolatilityEvent = { type: "volatility", asset, value, tExchange: at, tReceive };
  sink.events.push(event);
  return frame(stream, null, scaled);
}

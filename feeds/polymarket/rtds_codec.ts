/**
 * The legacy price socket (RTDS), announced for removal about 2026-10-23; behind a flag. Frame text to oracle prints. Pure;
 * never throws. Shapes and quirks: polymarket dossier 8.2 (PX 2026-09-05).
 */
import type { OraclePriceEvent } from "../../core/events.ts";
import { type Asset, ASSETS } from "../../core/market/instrument.ts";
import type { Ms } from "../../core/units.ts";
import { CONTROL, type FrameVerdict } from "../net/frame.ts";
import { type DecodeSink, isObject, isPlausibleMs, type Json, parseJson } from "../net/sink.ts";
import { isNewPrint, type PolyboltState, polyboltStream } from "./polybolt_codec.ts";

export const RTDS_TWAP_TOPIC = "crypto_prices_twap_sixty";
export const RTDS_SPOT_TOPIC = "crypto_prices_chainlink";
/** Chainlink's own symbols have a slash, Binance's have none. */
const SYMBOLS: ReadonlyMap<unknown, Asset> = new Map(ASSETS.map((asset) => [`${asset}/usd`, asset]));
const SCALE_DIGITS = 18;

/**
 * Exact decimal text of a print. `full_accuracy_value` is an integer scaled 1e18 on Chainlink topics; a text with a point is
 * taken as it stands. Null for anything else.
 */
export function exactText(full: unknown, value: unknown): string | null {
  if (typeof full === "string" && /^\d{1,40}$/.test(full)) {
    const digits = full.padStart(SCALE_DIGITS + 1, "0");
    const cut = digits.length - SCALE_DIGITS;
    return `${digits.slice(0, cut)}.${digits.slice(cut)}`;
  }
  if (typeof full === "string" && /^\d{1,20}\.\d{1,30}$/.test(full)) return full;
  if (full === undefined && typeof value === "number" && Number.isFinite(value)) return String(value);
  return null;
}

/** Topic to kind. The Chainlink snapshot arrives labelled `crypto_prices`, recognised by its symbol. */
function kindOf(message: Json, payload: Json): "spot" | "twap60" | null {
  if (message.topic === RTDS_TWAP_TOPIC) {
    return payload.window_s === undefined || payload.window_s === 60 ? "twap60" : null;
  }
  return message.topic === RTDS_SPOT_TOPIC || message.topic === "crypto_prices" ? "spot" : null;
}

function printOf(row: unknown, asset: Asset, kind: "spot" | "twap60", tReceive: Ms): OraclePriceEvent | null {
  if (!isObject(row) || !isPlausibleMs(row.timestamp)) return null;
  const exact = exactText(row.full_accuracy_value, row.value);
  const value = exact === null ? NaN : Number(exact);
  if (exact === null || !(value > 0)) return null;
  return {
    type: "oraclePrice",
    asset,
    kind,
    provider: "chainlink",
    value,
    exact,
    tExchange: row.timestamp as Ms,
    tReceive,
  };
}

/** Decodes one frame; prints of a snapshot come oldest first, those known already count as duplicates. */
export function decodeRtdsFrame(
  text: string,
  tReceive: Ms,
  state: PolyboltState,
  sink: DecodeSink,
): FrameVerdict {
  if (text === "PONG" || text === "PING" || text === "") return CONTROL;
  const message = parseJson(text);
  if (!isObject(message)) return null;
  if (!isObject(message.payload)) return typeof message.connection_id === "string" ? CONTROL : null;
  const { payload } = message;
  if (typeof payload.symbol !== "string") return null;
  const asset = SYMBOLS.get(payload.symbol.toLowerCase());
  if (asset === undefined) {
    sink.ignored++;
    return CONTROL;
  }
  const kind = kindOf(message, payload);
  if (kind === null) return null;
  const rows: readonly unknown[] = Array.isArray(payload.data) ? payload.data : [payload];
  const prints = rows.map((row) => printOf(row, asset, kind, tReceive));
  if (prints.some((print) => print === null)) return null;
  const stream = polyboltStream(kind, asset);
  for (const print of (prints as OraclePriceEvent[]).sort((a, b) => a.tExchange - b.tExchange)) {
    if (isNewPrint(state, stream, print.tExchange)) sink.events.push(print);
    else sink.duplicates++;
  }
  return prints.length === 0 ? CONTROL : stream;
}

/** Subscribe frames: one topic each, because one unknown topic fails a whole batch; no blank in the filter's JSON. */
export function rtdsSubscriptions(assets: readonly Asset[]): string[] {
  const [only] = assets;
  // A second filter on a topic replaces the first, so several assets are taken unfiltered and picked out here.
  const filters = assets.length === 1 ? JSON.stringify({ symbol: `${only}/usd` }) : "";
  return [RTDS_TWAP_TOPIC, RTDS_SPOT_TOPIC].map((topic) =>
    JSON.stringify({ action: "subscribe", subscriptions: [{ topic, type: "*", filters }] })
  );
}

/** Where everything lives. All hosts of one environment in one value, so that nothing else names a host. */

export interface VenueProfile {
  readonly name: "polymarket" | "sim";
  /** Base URLs without a trailing slash; paths of the venue's own documentation are appended. */
  readonly gamma: string;
  readonly clob: string;
  /** Base of `/ws/market` and `/ws/user`. */
  readonly clobSocket: string;
  /** Full URL of the PolyBolt price socket. */
  readonly priceSocket: string;
  /** Full URL of the legacy price socket (RTDS), used only under `feeds.legacyRtds`. */
  readonly legacyPriceSocket: string;
  /** Base of the web helpers (`/api/crypto/crypto-price`, `/api/geoblock`). */
  readonly web: string;
  readonly futuresRest: string;
  /** Base without a route; `/public` and `/market` are appended by the route table. */
  readonly futuresSocket: string;
  readonly spotRest: string;
  readonly spotSocket: string;
  readonly deribitRest: string;
  readonly deribitSocket: string;
  /** Polygon JSON-RPC endpoints, asked in this order. */
  readonly polygon: readonly string[];
  /** Base of the relayer (`/submit`, `/deployed`, `/v1/account/transactions/...`). */
  readonly relayer: string;
}

/** Production hosts (protocol dossiers of 2026-11-21). Spot uses the unrestricted market-data mirrors. */
export const POLYMARKET: VenueProfile = {
  name: "polymarket",
  gamma: "https://gamma-api.polymarket.com",
  clob: "https://clob.polymarket.com",
  clobSocket: "wss://ws-subscriptions-clob.polymarket.com",
  priceSocket: "wss://ws-live-v2.polymarket.com/ws",
  legacyPriceSocket: "wss://ws-live-data.polymarket.com",
  web: "https://polymarket.com",
  futuresRest: "https://fapi.binance.com",
  futuresSocket: "wss://fstream.binance.com",
  spotRest: "https://data-api.binance.vision",
  spotSocket: "wss://data-stream.binance.vision",
  deribitRest: "https://www.deribit.com",
  deribitSocket: "wss://www.deribit.com/ws/api/v2",
  polygon: ["https://polygon.drpc.org", "https://polygon-bor-rpc.publicnode.com"],
  relayer: "https://relayer-v2.polymarket.com",
};

export const SIM_DEFAULT_PORT = 8787;

/** The simulated venue on loopback: one port, one path prefix per service; the CLOB is also served at the root. */
export function simProfile(port: number, host = "127.0.0.1"): VenueProfile {
  const http = `http://${host}:${port}`;
  const ws = `ws://${host}:${port}`;
  return {
    name: "sim",
    gamma: `${http}/gamma`,
    clob: `${http}/clob`,
    clobSocket: ws,
    priceSocket: `${ws}/polybolt/ws`,
    legacyPriceSocket: `${ws}/rtds`,
    web: `${http}/web`,
    futuresRest: `${http}/binance-futures`,
    futuresSocket: `${ws}/binance-futures`,
    spotRest: `${http}/binance-spot`,
    spotSocket: `${ws}/binance-spot`,
    deribitRest: `${http}/deribit`,
    deribitSocket: `${ws}/deribit/ws/api/v2`,
    polygon: [`${http}/polygon`],
    relayer: `${http}/relayer`,
  };
}

/** Gamma and CLOB objects as the venue documents them, to be changed by tests. */
import { CONDITION_ID, DOWN_TOKEN, UP_TOKEN } from "./ids.ts";

type Fields = Record<string, unknown>;

/** The 5m window from 2026-11-21T09:35:00Z. */
export const SLUG = "btc-updown-5m-1795253700";

export function gammaMarket(change: Fields = {}): Fields {
  return {
    id: "1557558",
    slug: SLUG,
    conditionId: CONDITION_ID,
    version: "v1",
    outcomes: '["Up", "Down"]',
    outcomePrices: '["0.505", "0.495"]',
    clobTokenIds: JSON.stringify([UP_TOKEN, DOWN_TOKEN]),
    positionIds: null,
    startDate: "2026-11-20T09:29:01.328428Z",
    eventStartTime: "2026-11-21T09:35:00Z",
    endDate: "2026-11-21T09:40:00Z",
    active: true,
    closed: false,
    acceptingOrders: true,
    enableOrderBook: true,
    negRisk: false,
    orderPriceMinTickSize: 0.01,
    orderMinSize: 5,
    makerBaseFee: 1000,
    takerBaseFee: 1000,
    feesEnabled: true,
    feeSchedule: { exponent: 1, rate: 0.07, takerOnly: true, rebateRate: 0.2 },
    cryptoMarketConfig: {
      id: "btc-5m-twap-60",
      asset: "btc",
      duration: "5m",
      twapEnabled: true,
      twapLookbackSeconds: 60,
    },
    resolutionSource: "https://data.chain.link/streams/btc-usd-twap-60s-streams",
    ...change,
  };
}

export const gammaEvent = (market: Fields = gammaMarket(), change: Fields = {}): Fields => ({
  id: "260654",
  slug: SLUG,
  startTime: "2026-11-21T09:35:00Z",
  markets: [market],
  ...change,
});

export const clobMarket = (change: Fields = {}): Fields => ({
  c: CONDITION_ID,
  t: [{ t: UP_TOKEN, o: "Up" }, { t: DOWN_TOKEN, o: "Down" }],
  mts: 0.01,
  mos: 5,
  nr: false,
  fd: { r: 0.07, e: 1, to: true },
  mbf: 1000,
  tbf: 1000,
  itode: true,
  ao: true,
  v: "v1",
  ...change,
});

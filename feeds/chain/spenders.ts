/** Who may be given power over a wallet's dollars and shares, and what each can do with it (dossier 9.2). */
import {
  ADAPTER,
  CTF,
  EXCHANGE_V2,
  EXCHANGE_V3,
  OFFRAMP,
  ONRAMP,
  POSITION_MANAGER,
  PUSD,
  ROUTER,
  USDC_E,
} from "./contracts.ts";

export interface Grant {
  /** Contract whose tokens are meant. */
  readonly token: string;
  readonly asset: "pUSD" | "USDC.e" | "shares v1" | "shares v2";
  /** Dollars are granted by amount, shares all or none. */
  readonly kind: "amount" | "operator";
  readonly power: string;
}

export interface Spender {
  readonly name: string;
  readonly address: string;
  readonly grants: readonly Grant[];
}

const dollars = (power: string): Grant => ({ token: PUSD, asset: "pUSD", kind: "amount", power });
const shares = (version: "v1" | "v2", power: string): Grant => ({
  token: version === "v1" ? CTF : POSITION_MANAGER,
  asset: `shares ${version}`,
  kind: "operator",
  power,
});

export const SPENDERS: readonly Spender[] = [
  {
    name: "exchange-v2",
    address: EXCHANGE_V2,
    grants: [
      dollars("pays for purchases in v1 markets that you have signed"),
      shares("v1", "delivers sales in v1 markets that you have signed"),
    ],
  },
  {
    name: "exchange-v3",
    address: EXCHANGE_V3,
    grants: [
      dollars("pays for purchases in v2 markets that you have signed"),
      shares("v2", "delivers sales in v2 markets that you have signed"),
    ],
  },
  {
    name: "adapter",
    address: ADAPTER,
    grants: [
      dollars("splits pUSD into Up and Down when you call it"),
      shares("v1", "merges and redeems v1 shares when you call it"),
    ],
  },
  {
    name: "router",
    address: ROUTER,
    grants: [
      dollars("splits pUSD into Up and Down when you call it"),
      shares("v2", "merges and redeems v2 shares when you call it"),
    ],
  },
  { name: "offramp", address: OFFRAMP, grants: [dollars("turns pUSD into USDC.e when you call it")] },
  {
    name: "onramp",
    address: ONRAMP,
    grants: [{
      token: USDC_E,
      asset: "USDC.e",
      kind: "amount",
      power: "turns USDC.e into pUSD when you call it",
    }],
  },
];

/** The venue's contracts on Polygon (contracts page of 2026-09/10) and the calls made to them. Amounts are base units. */
import { Interface } from "ethers";
import { EXCHANGE_V2, EXCHANGE_V3 } from "../polymarket/signing/contracts.ts";

export const PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB";
export const USDC_E = "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174";
/** Conditional Tokens: shares of v1 markets. */
export const CTF = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045";
/** Shares of v2 markets. */
export const POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF";
export const ONRAMP = "0x93070a847efEf7F70739046A929D47a521F5B8ee";
export const OFFRAMP = "0x2957922Eb93258b93368531d39fAcCA3B4dC5854";
export const ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f";
export const ADAPTER_OLD = "0xADa100874d00e3331D00F2007a9c336a65009718";
export const ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600";
export const MULTICALL = "0xcA11bde05977b3631167028862bE2a173976CA11";
export const MULTI_SEND = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761";
export const RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494";
export const PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052";
export const DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07";
export { EXCHANGE_V2, EXCHANGE_V3 };

/** Everything that money sent to would be lost, or that no person owns. */
export const VENUE_CONTRACTS: readonly string[] = [
  PUSD,
  USDC_E,
  CTF,
  POSITION_MANAGER,
  ONRAMP,
  OFFRAMP,
  ADAPTER,
  ADAPTER_OLD,
  ROUTER,
  MULTICALL,
  MULTI_SEND,
  RELAY_HUB,
  PROXY_FACTORY,
  DEPOSIT_FACTORY,
  EXCHANGE_V2,
  EXCHANGE_V3,
];

/** A call that a wallet makes: target, and data as 0x hex. No call of ours moves POL. */
export interface Call {
  readonly to: string;
  readonly data: string;
}

const abi = new Interface([
  "function approve(address spender,uint256 amount)",
  "function allowance(address owner,address spender) view returns (uint256)",
  "function transfer(address to,uint256 amount)",
  "function setApprovalForAll(address operator,bool on)",
  "function isApprovedForAll(address owner,address operator) view returns (bool)",
  "function balanceOf(address owner,uint256 id) view returns (uint256)",
  "function wrap(address asset,address to,uint256 amount)",
  "function unwrap(address asset,address to,uint256 amount)",
  "function mergePositions(address,bytes32,bytes32,uint256[],uint256)",
  "function redeemPositions(address,bytes32,bytes32,uint256[])",
  "function payoutDenominator(bytes32) view returns (uint256)",
  "function payoutNumerators(bytes32,uint256) view returns (uint256)",
  "function merge(bytes31,uint256)",
  "function redeem(bytes31,uint256,uint256)",
  "function getPayout(uint256,uint256) view returns (uint256)",
  "function paused() view returns (bool)",
  "function nonce() view returns (uint256)",
  "function getNonce(address) view returns (uint256)",
  "function multiSend(bytes)",
  "function proxy((uint8 typeCode,address to,uint256 value,bytes data)[] calls)",
]);
const erc20 = new Interface(["function balanceOf(address) view returns (uint256)"]);

const ZERO_32 = `0x${"00".repeat(32)}`;
const encode = (name: string, args: readonly unknown[]): string => abi.encodeFunctionData(name, args);

/** Balance of a token with six decimals. */
export const balanceCall = (token: string, owner: string): Call => ({
  to: token,
  data: erc20.encodeFunctionData("balanceOf", [owner]),
});
export const sharesCall = (ledger: string, owner: string, id: string): Call => ({
  to: ledger,
  data: encode("balanceOf", [owner, id]),
});
export const allowanceCall = (token: string, owner: string, spender: string): Call => ({
  to: token,
  data: encode("allowance", [owner, spender]),
});
export const operatorCall = (ledger: string, owner: string, operator: string): Call => ({
  to: ledger,
  data: encode("isApprovedForAll", [owner, operator]),
});
export const denominatorCall = (condition: string): Call => ({
  to: CTF,
  data: encode("payoutDenominator", [condition]),
});
export const numeratorCall = (condition: string, index: number): Call => ({
  to: CTF,
  data: encode("payoutNumerators", [condition, index]),
});
/** Reverts while the window is open. */
export const payoutCall = (position: string, amount: bigint): Call => ({
  to: POSITION_MANAGER,
  data: encode("getPayout", [position, amount]),
});
/** Not every ramp has to answer it; no answer counts as open. */
export const pausedCall = (ramp: string): Call => ({ to: ramp, data: encode("paused", []) });
/** Counter of a deposit wallet or a Safe. */
export const walletNonceCall = (wallet: string): Call => ({ to: wallet, data: encode("nonce", []) });
/** Counter of a proxy wallet's owner at the relay hub. */
export const hubNonceCall = (owner: string): Call => ({ to: RELAY_HUB, data: encode("getNonce", [owner]) });

export const approveCall = (token: string, spender: string, amount: bigint): Call => ({
  to: token,
  data: encode("approve", [spender, amount]),
});
export const setOperatorCall = (ledger: string, operator: string, on: boolean): Call => ({
  to: ledger,
  data: encode("setApprovalForAll", [operator, on]),
});
export const transferCall = (token: string, to: string, amount: bigint): Call => ({
  to: token,
  data: encode("transfer", [to, amount]),
});
export const wrapCall = (to: string, amount: bigint): Call => ({
  to: ONRAMP,
  data: encode("wrap", [USDC_E, to, amount]),
});
export const unwrapCall = (to: string, amount: bigint): Call => ({
  to: OFFRAMP,
  data: encode("unwrap", [USDC_E, to, amount]),
});
export const multiSendData = (packed: string): string => encode("multiSend", [packed]);
export const proxyData = (calls: readonly Call[]): string =>
  encode("proxy", [calls.map(({ to, data }) => [1, to, 0, data])]);

/** 31 bytes of a v2 condition, whatever width the venue writes it with. */
export const condition31 = (conditionId: string): string => `0x${conditionId.slice(2, 64)}`;

/** One Up and one Down become one pUSD. */
export function mergeCall(version: "v1" | "v2", conditionId: string, amount: bigint): Call {
  if (version === "v2") return { to: ROUTER, data: encode("merge", [condition31(conditionId), amount]) };
  return { to: ADAPTER, data: encode("mergePositions", [PUSD, ZERO_32, conditionId, [1, 2], amount]) };
}

/** v1: the whole balance of both outcomes, whatever is asked. v2: `amount` of one outcome. */
export function redeemCall(
  version: "v1" | "v2",
  conditionId: string,
  outcome: { readonly index: number; readonly amount: bigint },
): Call {
  if (version === "v2") {
    return { to: ROUTER, data: encode("redeem", [condition31(conditionId), outcome.index, outcome.amount]) };
  }
  return { to: ADAPTER, data: encode("redeemPositions", [PUSD, ZERO_32, conditionId, [1, 2]]) };
}

/** Who holds a market's shares, and who takes them to merge and redeem. */
export const ledgerOf = (version: "v1" | "v2"): string => version === "v1" ? CTF : POSITION_MANAGER;
export const redeemerOf = (version: "v1" | "v2"): string => version === "v1" ? ADAPTER : ROUTER;

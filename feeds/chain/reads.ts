/**
 * Many reads in one call, through Multicall3: one round trip, one block, and the chain's id and time beside the values, so that
 * an answer says of itself whether it can be believed.
 */
import { Interface } from "ethers";
import { OperationError } from "../../core/errors.ts";
import { type Call, MULTICALL } from "./contracts.ts";
import { CHAIN_ID, type Head, hex, hostOf, type Rpc } from "./rpc.ts";

const abi = new Interface([
  "function aggregate3((address target,bool allowFailure,bytes callData)[] calls) payable returns ((bool success,bytes returnData)[] results)",
  "function getEthBalance(address) view returns (uint256)",
  "function getBlockNumber() view returns (uint256)",
  "function getCurrentBlockTimestamp() view returns (uint256)",
  "function getChainId() view returns (uint256)",
]);

/** POL of an address, as a call among others. */
export const gasCall = (address: string): Call => ({
  to: MULTICALL,
  data: abi.encodeFunctionData("getEthBalance", [address]),
});

export interface Snapshot {
  readonly block: number;
  readonly timestampS: number;
  /** One word per call, as a number; null where the call reverted or gave nothing. */
  readonly values: readonly (bigint | null)[];
}

/** More calls than this go in several round trips. */
const MAX_CALLS = 400;

const CHECKS = ["getChainId", "getBlockNumber", "getCurrentBlockTimestamp"].map((name): Call => ({
  to: MULTICALL,
  data: abi.encodeFunctionData(name),
}));

function decode(raw: unknown): (bigint | null)[] {
  try {
    const [rows] = abi.decodeFunctionResult("aggregate3", String(raw)) as unknown as [
      readonly (readonly [boolean, string])[],
    ];
    return rows.map(([ok, data]) => ok && data.length === 66 ? BigInt(data) : null);
  } catch (cause) {
    throw new OperationError({
      code: "RPC_FAILED",
      message: `Cannot use Polygon's answer to a batch of reads: current value is ${
        String(raw).slice(0, 40)
      }`,
      hint: "Name another endpoint with chain.rpc.",
      cause,
    });
  }
}

const encode = (calls: readonly Call[]): string =>
  abi.encodeFunctionData("aggregate3", [calls.map(({ data, to }) => [to, true, data])]);

function checked(rows: readonly (bigint | null)[], where: string): Snapshot {
  const [chain, block, time] = rows;
  if (chain !== BigInt(CHAIN_ID) || block === null || time === null) {
    throw new OperationError({
      code: "CHAIN_MISMATCH",
      message: `Cannot use what ${where} says: its state is of chain ${chain ?? "unknown"}, not ${CHAIN_ID}`,
      hint: "Name an endpoint of Polygon (chain 137) with chain.rpc.",
      exit: 3,
    });
  }
  return { block: Number(block), timestampS: Number(time), values: rows.slice(CHECKS.length) };
}

const atBlock = (data: string, tag: string) => [{ to: MULTICALL, data }, tag];

/** Reads at the newest block of whichever host answers. Throws RPC_FAILED, CHAIN_MISMATCH. */
export async function readBatch(rpc: Rpc, calls: readonly Call[]): Promise<Snapshot> {
  const values: (bigint | null)[] = [];
  let first: Snapshot | null = null;
  for (let at = 0; at < calls.length || first === null; at += MAX_CALLS) {
    const data = encode([...CHECKS, ...calls.slice(at, at + MAX_CALLS)]);
    const tag = first === null ? "latest" : hex(first.block);
    const part = checked(decode(await rpc.ask("eth_call", atBlock(data, tag))), "the endpoint");
    first ??= part;
    values.push(...part.values);
  }
  return { ...first, values };
}

/** Heads that have a block we know to exist. Throws RPC_STALE when no host gets there in time. */
async function headsFrom(rpc: Rpc, minBlock: number, wait: () => Promise<void>): Promise<Head[]> {
  for (let round = 0;; round++) {
    const heads = await rpc.heads();
    const fit = heads.filter((head) => head.number >= minBlock);
    if (fit.length > 0) return fit;
    if (round >= 20) {
      throw new OperationError({
        code: "RPC_STALE",
        message: `Cannot read Polygon: no endpoint has block ${minBlock} yet, the newest is ${
          heads[0]?.number
        }`,
        hint: "Wait and run the same command again, or name another endpoint with chain.rpc.",
      });
    }
    await wait();
  }
}

export interface AgreedOptions {
  /** A block that must be contained: what happened there is known. */
  readonly minBlock: number;
  /** Waits a moment for hosts that lag. */
  readonly wait: () => Promise<void>;
}

/**
 * Reads at one block of all hosts that are up to date, and compares. A host that does not have that block yet is left out.
 * Throws RPC_DISAGREE (exit 3) when two hosts state different values, and what `heads()` throws.
 */
export async function readAgreed(
  rpc: Rpc,
  calls: readonly Call[],
  { minBlock, wait }: AgreedOptions,
): Promise<Snapshot> {
  const heads = await headsFrom(rpc, minBlock, wait);
  const number = heads.reduce((least, head) => Math.min(least, head.number), Infinity);
  const values: (bigint | null)[] = [];
  let found: Snapshot | null = null;
  for (let at = 0; at < calls.length || found === null; at += MAX_CALLS) {
    const data = encode([...CHECKS, ...calls.slice(at, at + MAX_CALLS)]);
    const answers = await Promise.all(heads.map(async ({ url }) => {
      try {
        return { url, rows: decode(await rpc.askOne(url, "eth_call", atBlock(data, hex(number)))) };
      } catch {
        return null;
      }
    }));
    const told = answers.filter((answer) => answer !== null);
    const [one, ...others] = told;
    if (one === undefined) {
      // Nobody could say it just now: failing over is left to the plain way, at the same block.
      const part = checked(
        decode(await rpc.ask("eth_call", atBlock(data, hex(number)))),
        "the endpoint",
      );
      found ??= part;
      values.push(...part.values);
      continue;
    }
    for (const other of others) {
      const place = other.rows.findIndex((value, index) => value !== one.rows[index]);
      if (place < 0) continue;
      throw new OperationError({
        code: "RPC_DISAGREE",
        message: `Cannot trust what Polygon's endpoints say of block ${number}: ${hostOf(one.url)} and ${
          hostOf(other.url)
        } differ`,
        hint: "Remove the endpoint that is wrong from chain.rpc; nothing was sent.",
        details: { block: number, hosts: told.map(({ url }) => hostOf(url)) },
        exit: 3,
      });
    }
    const part = checked(one.rows, hostOf(one.url));
    found ??= part;
    values.push(...part.values);
  }
  return { ...found, values };
}

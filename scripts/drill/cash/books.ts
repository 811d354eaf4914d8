/**
 * Who has what, read from the chain's state, and what the transactions that a command printed have moved, read from their
 * logs. What the one shows and the other does not is unexplained.
 */
import { AbiCoder, id } from "ethers";
import { CTF, POSITION_MANAGER, PUSD, USDC_E } from "../../../fixtures/chain/addresses.ts";
import { abiOf } from "../../../fixtures/chain/genesis.ts";

/** Asks the simulated chain. */
export type Ask = (method: string, ...params: unknown[]) => Promise<unknown>;

export interface Parties {
  /** Holds the funds. */
  readonly wallet: string;
  /** Pays for gas; the wallet itself for a plain key. */
  readonly owner: string;
  readonly destination: string;
  /** Tokens of the window's two sides. */
  readonly up: string;
  readonly down: string;
}

/** Millionths of dollars and shares; POL in wei. */
export interface Books {
  readonly pusd: bigint;
  readonly usdce: bigint;
  readonly up: bigint;
  readonly down: bigint;
  readonly paidPusd: bigint;
  readonly paidUsdce: bigint;
  readonly pol: bigint;
  /** pUSD that exists less USDC.e behind it: never changes. */
  readonly unbacked: bigint;
}

export const NOTHING: Books = {
  pusd: 0n,
  usdce: 0n,
  up: 0n,
  down: 0n,
  paidPusd: 0n,
  paidUsdce: 0n,
  pol: 0n,
  unbacked: 0n,
};

export type Asset = keyof Books;
export const ASSETS = Object.keys(NOTHING) as Asset[];

const mapBooks = (of: (asset: Asset) => bigint): Books =>
  Object.fromEntries(ASSETS.map((asset) => [asset, of(asset)])) as unknown as Books;

/** `a - b`, asset by asset. */
export const less = (a: Books, b: Books): Books => mapBooks((asset) => a[asset] - b[asset]);

/** `a + b`, asset by asset. */
export const plus = (a: Books, b: Books): Books => mapBooks((asset) => a[asset] + b[asset]);

const dollar = abiOf("CollateralToken");
const ledger = abiOf("PositionManager");

/** Balances at the newest block. */
export async function readBooks(ask: Ask, { destination, down, owner, up, wallet }: Parties): Promise<Books> {
  const call = async (to: string, data: string) =>
    BigInt(String(await ask("eth_call", { to, data }, "latest")));
  const money = (token: string, holder: string) =>
    call(token, dollar.encodeFunctionData("balanceOf", [holder]));
  const shares = async (token: string) => {
    const data = ledger.encodeFunctionData("balanceOf", [wallet, token]);
    return await call(CTF, data) + await call(POSITION_MANAGER, data);
  };
  const supply = await call(PUSD, dollar.encodeFunctionData("totalSupply", []));
  return {
    pusd: await money(PUSD, wallet),
    usdce: await money(USDC_E, wallet),
    up: await shares(up),
    down: await shares(down),
    paidPusd: await money(PUSD, destination),
    paidUsdce: await money(USDC_E, destination),
    pol: BigInt(String(await ask("eth_getBalance", owner, "latest"))),
    unbacked: supply - await money(USDC_E, PUSD),
  };
}

interface ChainLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

interface ChainReceipt {
  readonly from: string;
  readonly gasUsed: string;
  readonly effectiveGasPrice: string;
  readonly logs: readonly ChainLog[];
}

const TRANSFER = id("Transfer(address,address,uint256)");
const SINGLE = id("TransferSingle(address,address,address,uint256,uint256)");
const MANY = id("TransferBatch(address,address,address,uint256[],uint256[])");

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
const addressOf = (topic: string | undefined): string => `0x${(topic ?? "").slice(-40)}`;

/** Token ids and amounts of a log of shares. */
function sharesMoved({ data, topics }: ChainLog): readonly (readonly [bigint, bigint])[] {
  const coder = AbiCoder.defaultAbiCoder();
  if (topics[0] === SINGLE) {
    const [token, amount] = coder.decode(["uint256", "uint256"], data) as unknown as [bigint, bigint];
    return [[token, amount]];
  }
  const [tokens, amounts] = coder.decode(["uint256[]", "uint256[]"], data) as unknown as [bigint[], bigint[]];
  return tokens.map((token, at) => [token, amounts[at] ?? 0n]);
}

/** What one log has moved. */
function movedBy(log: ChainLog, parties: Parties): Books {
  const moved = { ...NOTHING };
  const [topic] = log.topics;
  if (topic === TRANSFER && log.topics.length === 3) {
    const kind = same(log.address, PUSD) ? "pusd" : same(log.address, USDC_E) ? "usdce" : null;
    if (kind === null) return moved;
    const paid = kind === "pusd" ? "paidPusd" : "paidUsdce";
    const [from, to, amount] = [addressOf(log.topics[1]), addressOf(log.topics[2]), BigInt(log.data)];
    if (same(from, parties.wallet)) moved[kind] -= amount;
    if (same(to, parties.wallet)) moved[kind] += amount;
    if (same(from, parties.destination)) moved[paid] -= amount;
    if (same(to, parties.destination)) moved[paid] += amount;
    return moved;
  }
  const isLedger = same(log.address, CTF) || same(log.address, POSITION_MANAGER);
  if (!isLedger || topic !== SINGLE && topic !== MANY) return moved;
  for (const [token, amount] of sharesMoved(log)) {
    const side = token === BigInt(parties.up) ? "up" : token === BigInt(parties.down) ? "down" : null;
    if (side === null) continue;
    if (same(addressOf(log.topics[2]), parties.wallet)) moved[side] -= amount;
    if (same(addressOf(log.topics[3]), parties.wallet)) moved[side] += amount;
  }
  return moved;
}

/** What transactions have moved and cost; hashes that the chain does not have moved nothing. */
export async function movedIn(ask: Ask, hashes: Iterable<string>, parties: Parties): Promise<Books> {
  let moved = NOTHING;
  for (const hash of new Set([...hashes].map((text) => text.toLowerCase()))) {
    const receipt = await ask("eth_getTransactionReceipt", hash) as ChainReceipt | null;
    if (receipt === null) continue;
    for (const log of receipt.logs) moved = plus(moved, movedBy(log, parties));
    if (!same(receipt.from, parties.owner)) continue;
    const gas = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
    moved = { ...moved, pol: moved.pol - gas };
  }
  return moved;
}

/** Millionths as decimal text; wei are cut to millionths of POL. */
export function amountText(asset: Asset, amount: bigint): string {
  const micro = asset === "pol" ? amount / 10n ** 12n : amount;
  const [sign, value] = micro < 0n ? ["-", -micro] : ["", micro];
  return `${sign}${value / 1_000_000n}.${String(value % 1_000_000n).padStart(6, "0")}`;
}

/** Every asset that is not zero, to the millionth; "-" for none. */
export function booksText(books: Books): string {
  const parts = ASSETS.flatMap((asset) =>
    books[asset] === 0n ? [] : [`${asset} ${amountText(asset, books[asset])}`]
  );
  return parts.length === 0 ? "-" : parts.join(", ");
}

/** "12.5" as millionths. */
export function micro(text: string): bigint {
  const [whole = "0", part = ""] = text.replace("-", "").split(".");
  const value = BigInt(whole) * 1_000_000n + BigInt(part.padEnd(6, "0"));
  return text.startsWith("-") ? -value : value;
}

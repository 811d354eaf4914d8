/** What a wallet holds on the chain: pUSD, USDC.e, and the shares of every window it is known to have traded. */
import {
  ADAPTER,
  allowanceCall,
  balanceCall,
  type Call,
  CTF,
  denominatorCall,
  ledgerOf,
  numeratorCall,
  OFFRAMP,
  ONRAMP,
  operatorCall,
  payoutCall,
  POSITION_MANAGER,
  PUSD,
  ROUTER,
  sharesCall,
  USDC_E,
} from "../../feeds/chain/contracts.ts";
import { gasCall, type Snapshot } from "../../feeds/chain/reads.ts";
import { OperationError } from "../../core/errors.ts";
import type { Ms } from "../../core/units.ts";
import { parseSpan } from "../parse.ts";
import { type LedgerView, ledgerView, namesOf } from "../trading/holdings.ts";
import type { WindowName } from "../trading/window_names.ts";
import type { CashDesk } from "./desk.ts";

export interface ChainWindow {
  readonly conditionId: string;
  readonly slug: string;
  readonly version: "v1" | "v2";
  /** Tokens of Up and Down. */
  readonly tokens: readonly [string, string];
  /** Millionths of shares. */
  readonly held: readonly [bigint, bigint];
  /** Payouts are reported on the chain. */
  readonly resolved: boolean;
  /** What each outcome's shares pay, millionths of pUSD; zero while open. */
  readonly pays: readonly [bigint, bigint];
}

export interface ChainHoldings {
  readonly block: number;
  readonly pusd: bigint;
  readonly usdce: bigint;
  /** POL of the key, wei. */
  readonly gas: bigint;
  readonly windows: readonly ChainWindow[];
  /** Shares whose window nobody names. */
  readonly unknown: readonly {
    readonly token: string;
    readonly conditionId: string;
    readonly held: bigint;
  }[];
  /** May merge and redeem take the shares? By market version. */
  readonly approved: Readonly<Record<"v1" | "v2", boolean>>;
  readonly offramp: bigint;
  readonly onramp: bigint;
}

interface Known {
  readonly token: string;
  readonly conditionId: string;
}

/** Where shares are looked for. */
export interface Search {
  /** In trades of this long, venue ms. */
  readonly sinceMs: number;
  /** In these windows too, traded or not: condition ids. */
  readonly conditions: readonly string[];
}

/** `--since` and `--condition`. Throws USAGE (exit 2). */
export function searchOption(options: Record<string, unknown>): Search {
  const { condition } = options;
  const conditions = condition === undefined ? [] : String(condition).split(",").map((id) => id.trim());
  const wrong = conditions.find((id) => !/^0x([0-9a-fA-F]{62}|[0-9a-fA-F]{64})$/.test(id));
  if (wrong === undefined) return { sinceMs: parseSpan(String(options["since"]), "--since"), conditions };
  throw new OperationError({
    code: "USAGE",
    message: `Cannot read --condition as condition ids: current value is ${wrong}`,
    hint: "0x and 64 hex digits (62 in v2 markets); `discover --json` has them.",
    exit: 2,
  });
}

/** Tokens of the account's trades of this long, of its journal, and of the windows named. Throws HttpError. */
export async function knownTokens(desk: CashDesk, { conditions, sinceMs }: Search): Promise<Known[]> {
  const { ctx, open } = desk;
  const afterMs = Math.max(0, open.venue.clock.now() - sinceMs) as Ms;
  const { rows } = await open.entry.trades({ afterMs });
  const known = new Map<string, string>();
  const view: LedgerView | null = ledgerView(ctx, open.account.funder);
  for (const positions of [view?.final, view?.provisional]) {
    for (const { conditionId, token } of positions?.values() ?? []) known.set(token, conditionId);
  }
  for (const { conditionId, parts } of rows) for (const { token } of parts) known.set(token, conditionId);
  for (const [conditionId, { tokens }] of await named(desk, conditions)) {
    for (const token of tokens) known.set(token, conditionId);
  }
  return [...known].map(([token, conditionId]) => ({ token, conditionId }));
}

/** Calls with the place of each answer by name. */
class Batch {
  readonly calls: Call[] = [];
  readonly #places = new Map<string, number>();

  add(name: string, call: Call): void {
    this.#places.set(name, this.calls.length);
    this.calls.push(call);
  }

  /** The answer by name; null when it reverted. */
  of({ values }: Snapshot, name: string): bigint | null {
    return values[this.#places.get(name) ?? -1] ?? null;
  }
}

interface Named {
  readonly name: WindowName;
  readonly tokens: readonly [string, string];
}

/** Up and Down of a window, or null where the venue does not name both. */
function sidesOf(name: WindowName): readonly [string, string] | null {
  const by = (wanted: string) => [...name.outcomes].find(([, outcome]) => outcome === wanted)?.[0];
  const [up, down] = [by("up"), by("down")];
  return up === undefined || down === undefined ? null : [up, down];
}

const MILLION = 1_000_000n;

function windowBatch(batch: Batch, owner: string, { name, tokens }: Named): void {
  const { conditionId, version } = name;
  tokens.forEach((token, index) => {
    batch.add(`held/${token}`, sharesCall(ledgerOf(version), owner, token));
    if (version === "v1") batch.add(`numerator/${token}`, numeratorCall(conditionId, index));
    else batch.add(`payout/${token}`, payoutCall(token, MILLION));
  });
  if (version === "v1") batch.add(`denominator/${conditionId}`, denominatorCall(conditionId));
}

function windowOf(batch: Batch, snapshot: Snapshot, { name, tokens }: Named): ChainWindow {
  const { conditionId, version } = name;
  const denominator = batch.of(snapshot, `denominator/${conditionId}`) ?? 0n;
  const held = tokens.map((token) => batch.of(snapshot, `held/${token}`) ?? 0n) as [bigint, bigint];
  const pays = tokens.map((token, index) => {
    const shares = held[index] ?? 0n;
    if (version === "v2") return shares * (batch.of(snapshot, `payout/${token}`) ?? 0n) / MILLION;
    return denominator === 0n ? 0n : shares * (batch.of(snapshot, `numerator/${token}`) ?? 0n) / denominator;
  }) as [bigint, bigint];
  const resolved = version === "v1"
    ? denominator > 0n
    : tokens.every((token) => batch.of(snapshot, `payout/${token}`) !== null);
  return {
    conditionId,
    version,
    slug: name.slug ?? `${conditionId.slice(0, 12)}...`,
    tokens,
    held,
    resolved,
    pays,
  };
}

/** Known tokens that the wallet holds, on either ledger; one round trip. */
async function heldTokens(
  desk: CashDesk,
  known: readonly Known[],
): Promise<(Known & { readonly held: bigint })[]> {
  const owner = desk.account.funder;
  const { values } = await desk.read(
    known.flatMap(({ token }) => [sharesCall(CTF, owner, token), sharesCall(POSITION_MANAGER, owner, token)]),
  );
  return known.map((one, at) => ({ ...one, held: (values[2 * at] ?? 0n) + (values[2 * at + 1] ?? 0n) }))
    .filter(({ held }) => held > 0n);
}

const PARALLEL = 8;

/** Names of conditions, a few at a time. */
async function named(desk: CashDesk, ids: readonly string[]): Promise<Map<string, Named>> {
  const ask = namesOf(desk.ctx, desk.open);
  const found = new Map<string, Named>();
  for (let at = 0; at < ids.length; at += PARALLEL) {
    await Promise.all(
      ids.slice(at, at + PARALLEL).map(async (id) => {
        const name = await ask(id);
        const tokens = sidesOf(name);
        if (tokens !== null) found.set(id, { name, tokens });
      }),
    );
  }
  return found;
}

/** Reads everything at one block. Throws HttpError, RPC_FAILED, RPC_DISAGREE, RPC_STALE, CHAIN_MISMATCH. */
export async function chainHoldings(desk: CashDesk, known: readonly Known[]): Promise<ChainHoldings> {
  const owner = desk.account.funder;
  const held = known.length === 0 ? [] : await heldTokens(desk, known);
  const windows = await named(desk, [...new Set(held.map(({ conditionId }) => conditionId))]);
  const batch = new Batch();
  batch.add("pusd", balanceCall(PUSD, owner));
  batch.add("usdce", balanceCall(USDC_E, owner));
  batch.add("gas", gasCall(desk.account.key));
  batch.add("v1", operatorCall(CTF, owner, ADAPTER));
  batch.add("v2", operatorCall(POSITION_MANAGER, owner, ROUTER));
  batch.add("offramp", allowanceCall(PUSD, owner, OFFRAMP));
  batch.add("onramp", allowanceCall(USDC_E, owner, ONRAMP));
  for (const one of windows.values()) windowBatch(batch, owner, one);
  const snapshot = await desk.read(batch.calls);
  const value = (name: string): bigint => batch.of(snapshot, name) ?? 0n;
  return {
    block: snapshot.block,
    pusd: value("pusd"),
    usdce: value("usdce"),
    gas: value("gas"),
    windows: [...windows.values()].map((one) => windowOf(batch, snapshot, one)),
    unknown: held.filter(({ conditionId }) => !windows.has(conditionId)),
    approved: { v1: value("v1") === 1n, v2: value("v2") === 1n },
    offramp: value("offramp"),
    onramp: value("onramp"),
  };
}

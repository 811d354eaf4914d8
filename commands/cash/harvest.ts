/** Complete sets become pUSD, and so do the shares of resolved windows: what is to be done, and doing it. */
import { OperationError } from "../../core/errors.ts";
import {
  type Call,
  ledgerOf,
  mergeCall,
  redeemCall,
  redeemerOf,
  setOperatorCall,
} from "../../feeds/chain/contracts.ts";
import type { CashDesk } from "./desk.ts";
import type { ChainHoldings, ChainWindow } from "./holdings.ts";
import { type Deed, perform } from "./perform.ts";

export interface Harvest {
  readonly kind: "merge" | "redeem";
  readonly window: ChainWindow;
  /** pUSD that comes of it, millionths. */
  readonly brings: bigint;
  readonly calls: readonly Call[];
}

export interface Left {
  readonly what: string;
  /** Decimal text in shares or pUSD. */
  readonly amount: bigint;
  /** One of "Left over" in docs/codes.md. */
  readonly reason: string;
  readonly note?: string;
}

const smaller = (a: bigint, b: bigint): bigint => a < b ? a : b;

/** Complete sets of windows that have not resolved; those that have are redeemed, which takes both sides. */
export function mergesOf({ windows }: ChainHoldings): Harvest[] {
  return windows.flatMap((window): Harvest[] => {
    const sets = smaller(...window.held);
    if (window.resolved || sets === 0n) return [];
    return [{
      kind: "merge",
      window,
      brings: sets,
      calls: [mergeCall(window.version, window.conditionId, sets)],
    }];
  });
}

/** Resolved windows whose shares pay something. */
export function redeemsOf({ windows }: ChainHoldings): Harvest[] {
  return windows.flatMap((window): Harvest[] => {
    const { conditionId, held, pays, resolved, version } = window;
    const brings = pays[0] + pays[1];
    if (!resolved || brings === 0n) return [];
    const paying = held.map((amount, index) => ({ amount, index })).filter(({ index }) =>
      (pays[index] ?? 0n) > 0n
    );
    const outcomes = version === "v1" ? paying.slice(0, 1) : paying;
    const calls = outcomes.map((outcome) => redeemCall(version, conditionId, outcome));
    return [{ kind: "redeem", window, brings, calls }];
  });
}

/** What stays in the wallet although everything possible was done. */
export function leftOver(holdings: ChainHoldings): Left[] {
  const left: Left[] = [];
  for (const { held, pays, resolved, slug } of holdings.windows) {
    held.forEach((amount, index) => {
      if (amount === 0n) return;
      const what = `${slug} ${index === 0 ? "up" : "down"}`;
      if (!resolved) left.push({ what, amount, reason: "WINDOW_OPEN" });
      else if ((pays[index] ?? 0n) === 0n) left.push({ what, amount, reason: "WORTHLESS" });
      else left.push({ what, amount, reason: "NOT_REDEEMED" });
    });
  }
  for (const { held, token } of holdings.unknown) {
    left.push({ what: `token ${token.slice(0, 12)}...`, amount: held, reason: "WINDOW_UNKNOWN" });
  }
  return left;
}

/** Calls in one batch of a wallet that acts through the relayer (25 submits a minute). */
const BATCH = 8;

/** The approval that merging and redeeming need, where it is missing. */
function approvalOf(holdings: ChainHoldings, version: "v1" | "v2"): Call[] {
  return holdings.approved[version] ? [] : [setOperatorCall(ledgerOf(version), redeemerOf(version), true)];
}

const title = ({ kind, window }: Harvest): string => `${kind} ${window.slug}`;

/** Deeds in order: approvals first, then one a window for a plain key, or batches. */
export function deedsOf(
  desk: Pick<CashDesk, "relayer">,
  holdings: ChainHoldings,
  items: readonly Harvest[],
): Deed[] {
  const deeds: Deed[] = [];
  for (const version of ["v1", "v2"] as const) {
    const mine = items.filter(({ window }) => window.version === version);
    if (mine.length === 0) continue;
    const approval = approvalOf(holdings, version);
    if (desk.relayer === null) {
      if (approval.length > 0) {
        deeds.push({ name: "approve", title: `let the ${version} redeemer take shares`, calls: approval });
      }
      for (const item of mine) deeds.push({ name: item.kind, title: title(item), calls: item.calls });
      continue;
    }
    for (let at = 0; at < mine.length; at += BATCH) {
      const part = mine.slice(at, at + BATCH);
      const [first] = part;
      if (first === undefined) continue;
      deeds.push({
        name: first.kind,
        title: part.length === 1 ? title(first) : `${first.kind} ${part.length} windows`,
        calls: [...at === 0 ? approval : [], ...part.flatMap(({ calls }) => calls)],
      });
    }
  }
  return deeds;
}

/** Failures of one window that must not keep the others from being cashed. */
const SKIPPED = ["TX_WOULD_REVERT", "TX_REVERTED"];

/** Does them all; those that the chain refuses are told and left. Throws what `perform` throws otherwise. */
export async function harvest(
  desk: CashDesk,
  run: string,
  holdings: ChainHoldings,
  items: readonly Harvest[],
): Promise<{ readonly failed: readonly string[] }> {
  const failed: string[] = [];
  for (const deed of deedsOf(desk, holdings, items)) {
    desk.ctx.signal.throwIfAborted();
    try {
      await perform(desk, run, deed);
    } catch (error) {
      if (!(error instanceof OperationError) || !SKIPPED.includes(error.code)) throw error;
      failed.push(deed.title);
      desk.ctx.warn({ code: error.code, message: error.message });
    }
  }
  return { failed };
}

/**
 * The venue's balances beside our ledgers. Shares that are missing or too many and cash that nobody's trade explains are
 * judged only when everything has settled, because the venue's copy of the chain trails by seconds.
 */
import type { Outcome } from "../../core/market/instrument.ts";
import { type Entry, type EntryPart, heldOf } from "../../core/orders/ledger.ts";
import { stageOf } from "../../core/orders/lifecycle_table.ts";
import { MARKET_SIZE_STEP } from "../../core/market/rounding.ts";
import { type Ms, notional, PRICE_ONE, type Shares, type Usdc } from "../../core/units.ts";
import { type Desk, now, tellForeign, type TokenFacts } from "./desk.ts";
import type { Difference } from "./types.ts";
import { isUnfinished } from "./words.ts";

/** Tokens asked about in one reading, and requests at a time. */
const MAX_TOKENS = 300;
const PARALLEL = 4;
/** From match to confirmation, as a rule less. */
const SETTLING_MS = 15_000;

export interface Reading {
  readonly cash: Usdc;
  readonly shares: ReadonlyMap<string, number>;
}

/** Condition ids of protocol V2 have 31 bytes; only the balance's type follows from it, never what is signed. */
export function versionOf(desk: Desk, conditionId: string): "v1" | "v2" {
  const version = desk.markets.get(conditionId)?.version;
  if (version === "v1" || version === "v2") return version;
  return desk.options.version ?? (conditionId.length === 64 ? "v2" : "v1");
}

/** Tokens whose balance says something: held and unresolved, won and not redeemed, or brought by foreign trades. */
export function tokensToRead(desk: Desk): Map<string, TokenFacts> {
  const { ledgers } = desk.keeper.wallet;
  const tokens = new Map<string, TokenFacts>();
  for (const [token, sums] of ledgers.final.tokens) {
    const winner = ledgers.winners.get(sums.conditionId);
    if (heldOf(sums) > 0 && (winner === undefined || winner === sums.outcome)) tokens.set(token, sums);
  }
  for (const [token, facts] of desk.foreignTokens) if (!tokens.has(token)) tokens.set(token, facts);
  return new Map([...tokens].slice(-MAX_TOKENS));
}

/** Reads pUSD and shares; what disagrees is read again after the venue was told to look at the chain. Throws HttpError. */
export async function readBalances(desk: Desk, tokens: ReadonlyMap<string, TokenFacts>): Promise<Reading> {
  const { entry } = desk.options;
  const { final } = desk.keeper.wallet.ledgers;
  const shares = new Map<string, number>();
  const readOne = async ([token, { conditionId }]: readonly [string, TokenFacts]): Promise<void> => {
    const version = versionOf(desk, conditionId);
    let { balance } = await entry.conditional(token, version);
    if (Math.abs(balance - expectedShares(desk, token)) >= MARKET_SIZE_STEP) {
      await entry.refreshBalance({ kind: "conditional", token, version });
      ({ balance } = await entry.conditional(token, version));
    }
    shares.set(token, balance);
  };
  const queue = [...tokens];
  for (let at = 0; at < queue.length; at += PARALLEL) {
    await Promise.all(queue.slice(at, at + PARALLEL).map(readOne));
  }
  let { balance: cash } = await entry.collateral();
  if (cash !== final.cash) {
    await entry.refreshBalance({ kind: "collateral" });
    ({ balance: cash } = await entry.collateral());
  }
  return { cash, shares };
}

/** Shares that should lie in the wallet. */
export function expectedShares(desk: Desk, token: string): number {
  const sums = desk.keeper.wallet.ledgers.final.tokens.get(token);
  return (sums === undefined ? 0 : Math.max(0, heldOf(sums))) + (desk.foreignShares.get(token) ?? 0);
}

/** Nothing is under way that would move a balance (or that of one token), and nothing has moved for a while. */
export function isQuiet(desk: Desk, token?: string): boolean {
  const { wallet } = desk.keeper;
  const { life } = wallet;
  for (const order of life.orders.values()) {
    if ((token === undefined || order.terms.token === token) && isUnfinished(wallet, order)) return false;
  }
  const since = now(desk) - desk.timing.balanceGraceMs;
  for (const { state, updatedAtMs, matchedAtMs, legs } of life.trades.values()) {
    if (!legs.some((leg) => token === undefined || leg.token === token)) continue;
    // A trade learned late has long reached the balances, however fresh the news is to us.
    const movedMs = Math.min(updatedAtMs, matchedAtMs + SETTLING_MS);
    if (stageOf(state) === "provisional" || movedMs > since) return false;
  }
  return true;
}

function entryOf(id: string, kind: Entry["kind"], at: Ms, parts: readonly EntryPart[], transfer = 0): Entry {
  return { id, kind, at, parts, transfer: transfer as Usdc };
}

/** Winning shares that are gone were paid out: the claim becomes cash. Returns the payout. */
export function postRedeemed(desk: Desk, token: string, facts: TokenFacts, gone: number): Usdc {
  const { conditionId, outcome } = facts;
  const cash = notional(gone as Shares, PRICE_ONE);
  const part = { token, conditionId, outcome, flow: "redeemed", cash, fee: 0 as Usdc } as const;
  const at = now(desk);
  desk.keeper.post(entryOf(`redeem:${token}:${at}`, "redeem", at, [{ ...part, shares: gone as Shares }]));
  return cash;
}

/** Shares that left the wallet without a trade, given away for nothing. */
export function postLost(desk: Desk, token: string, facts: TokenFacts, gone: number): void {
  const { conditionId, outcome } = facts;
  const zero = 0 as Usdc;
  const part = { token, conditionId, outcome, flow: "out", cash: zero, fee: zero } as const;
  const at = now(desk);
  desk.keeper.post(entryOf(`lost:${token}:${at}`, "transfer", at, [{ ...part, shares: gone as Shares }]));
}

/** Cash that came (or, negative, went) without a trade of ours. */
export function postTransfer(desk: Desk, cash: number): void {
  const at = now(desk);
  desk.keeper.post(entryOf(`transfer:${at}`, "transfer", at, [], cash));
}

const winnerOf = (desk: Desk, conditionId: string): Outcome | undefined =>
  desk.keeper.wallet.ledgers.winners.get(conditionId);

/** Redemptions in a reading, posted; what they paid out by condition. */
export function takeRedemptions(
  desk: Desk,
  reading: Reading,
  tokens: ReadonlyMap<string, TokenFacts>,
): readonly (Difference & { readonly payout: Usdc })[] {
  const found: (Difference & { readonly payout: Usdc })[] = [];
  for (const [token, facts] of tokens) {
    if (winnerOf(desk, facts.conditionId) !== facts.outcome) continue;
    const sums = desk.keeper.wallet.ledgers.final.tokens.get(token);
    const held = sums === undefined ? 0 : heldOf(sums);
    const venue = reading.shares.get(token) ?? held;
    const gone = held - venue;
    if (held <= 0 || gone < MARKET_SIZE_STEP) continue;
    const payout = postRedeemed(desk, token, facts, gone);
    found.push({ kind: "redeemed", token, conditionId: facts.conditionId, ledger: held, venue, payout });
  }
  return found;
}

/** Positions of unresolved windows that differ. */
export function shareDifferences(
  desk: Desk,
  reading: Reading,
  tokens: ReadonlyMap<string, TokenFacts>,
): readonly Difference[] {
  const found: Difference[] = [];
  for (const [token, { conditionId }] of tokens) {
    if (winnerOf(desk, conditionId) !== undefined) continue;
    const ledger = expectedShares(desk, token);
    const venue = reading.shares.get(token) ?? ledger;
    if (Math.abs(venue - ledger) < MARKET_SIZE_STEP) continue;
    found.push({ kind: "shares", token, conditionId, ledger, venue });
  }
  return found;
}

/**
 * The periodic check: what differs twice in the same way while everything is quiet is real. Shares alarm
 * (POSITION_MISMATCH); cash is posted as a transfer and told to the engine.
 */
export class BalanceCheck {
  private suspects = new Set<string>();
  private alarmed = new Set<string>();
  checks = 0;

  constructor(
    private readonly desk: Desk,
    /** Windows that were resolved before the engine began: their payout is news to it. */
    private readonly settledBefore: ReadonlySet<string>,
  ) {}

  /** One check. Never throws HttpError: an answer that does not come is asked for at the next one. */
  async run(): Promise<void> {
    const { desk } = this;
    if (!isQuiet(desk)) return this.suspects.clear();
    const tokens = tokensToRead(desk);
    let reading: Reading;
    const inputs = desk.keeper.inputsOfVenue;
    try {
      reading = await readBalances(desk, tokens);
    } catch (error) {
      desk.options.log.warn("balances cannot be read", { error: String(error) });
      return;
    }
    // Something moved while we read: the figures belong to different moments.
    if (desk.keeper.inputsOfVenue !== inputs || !isQuiet(desk)) return;
    this.checks++;
    for (const [token, shares] of reading.shares) {
      // Nothing of it is in the wallet: no more to be asked for.
      if (shares !== 0 || expectedShares(desk, token) !== 0 || desk.foreignTold.has(token)) continue;
      desk.foreignTokens.delete(token);
    }
    for (const { payout, conditionId, token } of takeRedemptions(desk, reading, tokens)) {
      desk.keeper.note("note", { type: "redeemed", token, payout });
      if (this.settledBefore.has(conditionId!)) desk.keeper.tellTransfer(payout, "redeemed");
      else desk.keeper.tellRedeemed(payout);
    }
    this.judge(reading, tokens);
  }

  /** Shares of a token that others trade too may come and go, as long as our own are there. */
  private takeForeign({ token, ledger, venue }: Difference): boolean {
    const { foreignTokens, foreignShares, keeper } = this.desk;
    if (token === null || !foreignTokens.has(token)) return false;
    const own = ledger - (foreignShares.get(token) ?? 0);
    if (venue < own) return false;
    foreignShares.set(token, venue - own);
    keeper.note("note", { type: "foreign-shares", token, shares: venue - own });
    tellForeign(this.desk, token);
    return true;
  }

  private judge(reading: Reading, tokens: ReadonlyMap<string, TokenFacts>): void {
    const { desk } = this;
    const seen = new Set<string>();
    for (const difference of shareDifferences(desk, reading, tokens)) {
      const { token, ledger, venue } = difference;
      const key = `${token} ${ledger} ${venue}`;
      seen.add(key);
      if (!this.suspects.has(key) || this.alarmed.has(key)) continue;
      if (this.takeForeign(difference)) continue;
      this.alarmed.add(key);
      desk.keeper.note("note", { ...difference, type: "position-mismatch" });
      desk.alarm("POSITION_MISMATCH", `the ledger has ${ledger} millionths of ${token}, the venue ${venue}`);
    }
    const ledgerCash = desk.keeper.wallet.ledgers.final.cash;
    const cash = reading.cash - ledgerCash;
    if (cash !== 0) {
      const key = `cash ${ledgerCash} ${reading.cash}`;
      if (this.suspects.has(key)) {
        postTransfer(desk, cash);
        desk.keeper.note("note", { type: "transfer", ledger: ledgerCash, venue: reading.cash });
        desk.keeper.tellTransfer(cash as Usdc, "transfer");
      } else seen.add(key);
    }
    this.suspects = seen;
  }
}

/**
 * One scenario of the cash drill: a fresh simulated venue with its chain, the program run end to end through its command line,
 * and the books before and after. What has moved must be what the scenario says, to the millionth, and all of it must stand in
 * the logs of transactions that the program printed.
 */
import { MoneyJournal, moneyJournalPath } from "../../../feeds/chain/money_journal.ts";
import type { MoneyRecord } from "../../../feeds/chain/money_journal.ts";
import { PUSD as CASH } from "../../../fixtures/exchange/ledger.ts";
import type { Ran } from "../../../tests/cli/harness.ts";
import { type CashStage, FRIEND, withCash } from "../../../tests/commands/cash_stage.ts";
import type { KeyIndex } from "../../../tests/venue/stage.ts";
import {
  amountText,
  type Asset,
  ASSETS,
  type Books,
  less,
  micro,
  movedIn,
  NOTHING,
  type Parties,
  plus,
  readBooks,
} from "./books.ts";

// deno-lint-ignore no-explicit-any -- `data` of every command's envelope, read field by field in expectations
export type Loose = any;

/** What moves by the scenario's own word, decimal text; POL is whatever the receipts say. */
export type Moves = Partial<Record<Exclude<Asset, "pol" | "unbacked">, string>>;

export interface Hands extends Omit<CashStage, "run"> {
  /** Runs the program; its end must be `exit`, and `code` the code of its error ("" for none). Returns its data. */
  run(argv: readonly string[], exit: number, code?: string): Promise<Loose>;
  /**
   * The program dies as if killed: after the n-th record of its journal is on disk, or before the first that would keep what
   * the relayer calls the batch it has taken.
   */
  crash(argv: readonly string[], at: number | "answer"): Promise<void>;
  /** Notes a broken expectation. */
  expect(holds: boolean, what: string): void;
  /** Something that the scenario itself put in or took out on the way. */
  outside(asset: "pusd" | "up" | "down", amount: string): Promise<void>;
  /** The scenario sets the key's gas money. */
  gas(pol: string): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly key: KeyIndex;
  readonly version?: "v1" | "v2";
  /** Before the books are opened. */
  readonly prepare?: (stage: CashStage) => Promise<void>;
  /** Returns what must have moved. */
  readonly act: (hands: Hands) => Promise<Moves>;
  /** Something may stay under way in the end. */
  readonly open?: true;
}

export interface Outcome {
  readonly name: string;
  readonly key: KeyIndex;
  readonly version: "v1" | "v2";
  /** Exit and code of each command, in order. */
  readonly ends: readonly string[];
  readonly before: Books;
  readonly after: Books;
  readonly moved: Books;
  readonly unexplained: Books;
  readonly ms: number;
  readonly wrong: readonly string[];
}

class Crash extends Error {}

/** Has the process die there; false when it never came there. */
async function dying(at: number | "answer", work: () => Promise<unknown>): Promise<boolean> {
  const { prototype } = MoneyJournal;
  const { append } = prototype;
  let count = 0;
  let dead = false;
  prototype.append = function (record: MoneyRecord) {
    dead ||= at === "answer" && record.type === "intent" && record.intent.kind === "relay";
    if (dead) throw new Crash("it is dead");
    append.call(this, record);
    dead = ++count === at;
    if (dead) throw new Crash("it dies");
  };
  try {
    await work();
  } finally {
    prototype.append = append;
  }
  return dead;
}

const hashOf = (step: Loose): string[] => typeof step?.hash === "string" ? [step.hash] : [];

/** Hashes of every step that an answer names, and of those in its error. */
function printedHashes({ envelope }: Ran): string[] {
  const data = envelope?.data as Loose;
  const details = envelope?.error?.details as Loose;
  return [...data?.steps ?? [], ...details?.steps ?? []].flatMap(hashOf);
}

/** Hashes by which the venue itself has settled the account's trades. */
function settlements({ venue, funder }: CashStage): string[] {
  return [...venue.exchange.state.trades.values()].flatMap(({ makers, taker, transactionHash }) => {
    const isOurs = [taker, ...makers].some(({ order }) => order?.wallet.address === funder);
    return isOurs && transactionHash !== "" ? [transactionHash] : [];
  });
}

/** What a cash-out says of itself must be what the chain says. */
function checkReport(data: Loose, wrong: string[]): void {
  if (data?.dryRun !== false || data.paid === undefined || data.repeated === true) return;
  if (data.destination === null || data.destination === undefined) return;
  const arrived = micro(data.destination.after) - micro(data.destination.before);
  if (data.destination.seenBy === "balance" && arrived !== micro(data.paid)) {
    wrong.push(`it says paid ${data.paid}, and ${amountText("pusd", arrived)} arrived`);
  }
}

function journalWrong({ data, funder }: CashStage, mayBeOpen: boolean): string[] {
  const path = moneyJournalPath(data, funder);
  try {
    Deno.statSync(path);
  } catch {
    return [];
  }
  const journal = MoneyJournal.open(path);
  try {
    if (mayBeOpen) return [];
    const wrong: string[] = [];
    if (journal.underWay.length > 0) wrong.push("something is still under way");
    if (journal.open !== null) wrong.push("a run has not ended");
    return wrong;
  } finally {
    journal.close();
  }
}

/** The venue's own ledger after it has heard of the last block. */
function venueWrong({ funder, market5m, venue }: CashStage, after: Books): string[] {
  const wallet = venue.exchange.state.wallets.get(funder.toLowerCase()) ??
    [...venue.exchange.state.wallets.values()].find(({ address }) => address === funder);
  const has = (asset: string): bigint => BigInt(wallet?.chain.get(asset) ?? -1);
  const pairs = [["pusd", has(CASH), after.pusd], ["up", has(market5m.up), after.up], [
    "down",
    has(market5m.down),
    after.down,
  ]] as const;
  return pairs.flatMap(([name, venues, chains]) =>
    venues === chains || venues === -1n && chains === 0n
      ? []
      : [`the venue's ledger of ${name} says ${venues}, the chain ${chains}`]
  );
}

interface Bench {
  readonly ends: string[];
  readonly wrong: string[];
  readonly hashes: Set<string>;
  outside: Books;
}

function handsOf(stage: CashStage, bench: Bench): Hands {
  const { ends, hashes, wrong } = bench;
  return {
    ...stage,
    async run(argv, exit, code = "") {
      const ran = await stage.cash([...argv, "--json"]);
      const got = String(ran.envelope?.error?.code ?? "");
      ends.push(got === "" ? String(ran.code) : `${ran.code} ${got}`);
      for (const hash of printedHashes(ran)) hashes.add(hash);
      if (ran.code !== exit || got !== code) {
        wrong.push(`${argv[0]} ended ${ran.code} ${got}, not ${exit} ${code}: ${ran.out.slice(0, 400)}`);
      }
      checkReport(ran.envelope?.data, wrong);
      return ran.envelope?.data ?? ran.envelope?.error ?? {};
    },
    async crash(argv, at) {
      const reached = await dying(at, () => stage.cash([...argv, "--json"]));
      ends.push("killed");
      if (!reached) wrong.push(`${at === "answer" ? "the answer" : `record ${at}`} was not reached`);
    },
    expect(holds, what) {
      if (!holds) wrong.push(`not so: ${what}`);
    },
    async gas(pol) {
      const read = async () => BigInt(String(await stage.rpc("eth_getBalance", stage.owner, "latest")));
      const had = await read();
      await stage.control({ action: "chain-gas", address: stage.owner, pol });
      bench.outside = { ...bench.outside, pol: bench.outside.pol + await read() - had };
    },
    async outside(asset, amount) {
      const name = asset === "pusd" ? "pUSD" : stage.market5m[asset];
      await stage.control({ action: "credit", account: stage.key, asset: name, amount });
      await stage.blocks(1);
      bench.outside = { ...bench.outside, [asset]: bench.outside[asset] + micro(amount) };
    },
  };
}

/** Differences between what moved and what the scenario asked for. */
function otherwise(moved: Books, asked: Moves): string[] {
  const wanted = { ...NOTHING, pol: moved.pol };
  for (const [asset, text] of Object.entries(asked)) wanted[asset as Asset] = micro(text);
  return ASSETS.flatMap((asset) =>
    moved[asset] === wanted[asset]
      ? []
      : [`${asset} moved by ${amountText(asset, moved[asset])}, not ${amountText(asset, wanted[asset])}`]
  );
}

/** Runs one scenario. */
export async function runScenario(
  { act, key, name, open, prepare, version = "v1" }: Scenario,
): Promise<Outcome> {
  const began = performance.now();
  const bench: Bench = { ends: [], wrong: [], hashes: new Set(), outside: NOTHING };
  const { ends, wrong } = bench;
  let [before, after, moved, unexplained]: [Books, Books, Books, Books] = [
    NOTHING,
    NOTHING,
    NOTHING,
    NOTHING,
  ];
  try {
    await withCash({ key, marketVersion: version }, async (stage) => {
      await prepare?.(stage);
      await stage.blocks(1);
      const { funder, market5m: { down, up }, owner, rpc } = stage;
      const parties: Parties = { wallet: funder, owner, destination: FRIEND, up, down };
      before = await readBooks(rpc, parties);
      const settledBefore = new Set(settlements(stage));
      const asked = await act(handsOf(stage, bench));
      await stage.control({ action: "clear-chain-faults" });
      await stage.blocks(10);
      after = await readBooks(rpc, parties);
      const gas = bench.hashes;
      const trades = settlements(stage).filter((hash) => !settledBefore.has(hash));
      moved = less(less(after, before), bench.outside);
      unexplained = less(moved, await movedIn(rpc, [...gas, ...trades], parties));
      wrong.push(
        ...otherwise(moved, asked),
        ...venueWrong(stage, after),
        ...journalWrong(stage, open === true),
      );
      for (const asset of ASSETS) {
        if (unexplained[asset] === 0n) continue;
        wrong.push(`unexplained ${asset}: ${amountText(asset, unexplained[asset])}`);
      }
    });
  } catch (error) {
    wrong.push(error instanceof Error ? (error.stack ?? error.message).slice(0, 600) : String(error));
  }
  moved = plus(moved, NOTHING);
  const ms = Math.round(performance.now() - began);
  return { name, key, version, ends, before, after, moved, unexplained, ms, wrong };
}

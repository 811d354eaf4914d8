/** One kill run: a cash-out that is killed, and again while it goes on, and what the chain says of it in the end. */
import { MoneyJournal, moneyJournalPath } from "../../../feeds/chain/money_journal.ts";
import { type Books, booksText, less, micro, movedIn, NOTHING, plus, readBooks } from "./books.ts";
import type { KillPlan, KillPoint, Places } from "./kill_plan.ts";
import { FRIEND, type KillStage } from "./kill_stage.ts";

export interface KillOutcome {
  readonly plan: KillPlan;
  /** Processes that were killed: one or two; none when the place was not reached. */
  readonly kills: number;
  /** Payments at the destination before the command went on. */
  readonly paidAtKill: number;
  /** And in the end. */
  readonly payments: number;
  /** `new`: nothing had been written; `resumed`; `ended`: it had ended before it was killed. */
  readonly went: "new" | "resumed" | "ended";
  readonly moved: Books;
  readonly unexplained: Books;
  readonly ms: number;
  readonly wrong: readonly string[];
}

interface Step {
  readonly hash: string | null;
}

/** Complete sets and a rest of Up. */
const SETS = "5";
const UP = "7";
const SETTLE_MS = 30_000;

function argvOf({ asset }: KillPlan, amount: string, conditionId: string): string[] {
  return [
    ...["cashout", "--to", FRIEND, "--amount", amount, "--asset", asset, "--condition", conditionId],
    ...["--first-use", "--yes", "--json"],
  ];
}

async function prepare(stage: KillStage, data: string): Promise<void> {
  const { parties } = stage;
  // The approval for merging is taken back, so that every run has to make it again.
  const revoke = ["approve", "--spender", "adapter", "--only", "shares", "--revoke", "--yes"];
  const { code, err } = await stage.inside(revoke, `${data}/before`);
  if (code !== 0) throw new Error(`approve --revoke ended with ${code}: ${err}`);
  await stage.credit(parties.up, UP);
  await stage.credit(parties.down, SETS);
  await stage.rest();
  await nextBlocks(stage, 2);
}

/** Waits for blocks of the venue's clock. */
async function nextBlocks({ ask }: KillStage, count: number): Promise<void> {
  const head = async () => Number(await ask("eth_blockNumber"));
  const until = await head() + count;
  while (await head() < until) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** How many places a cash-out has that nobody kills. Throws when it fails. */
export async function measure(stage: KillStage, asset: KillPlan["asset"]): Promise<Places> {
  const data = await Deno.makeTempDir();
  try {
    await prepare(stage, data);
    const plan = { asset } as KillPlan;
    const { code, errors } = await stage.child(argvOf(plan, "1", stage.conditionId), data, null);
    if (code !== 0) throw new Error(`a cash-out that nobody killed ended with ${code}: ${errors}`);
    const line = errors.split("\n").find((text) => text.startsWith('{"records"')) ?? "{}";
    return JSON.parse(line) as Places;
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

async function kill(
  stage: KillStage,
  argv: readonly string[],
  data: string,
  point: KillPoint,
  wrong: string[],
): Promise<number> {
  const { code, errors } = await stage.child(argv, data, point);
  if (code === 137) return 1;
  if (code !== 0) wrong.push(`the child ended by itself with ${code}: ${errors.slice(0, 600)}`);
  return 0;
}

interface Answer {
  readonly steps: readonly Step[];
  readonly resumed?: boolean;
  readonly repeated?: boolean;
  readonly unexplained: string;
  readonly paid: string;
}

/** The venue hears of what happened on the chain with the blocks. */
async function venueAgrees(stage: KillStage, books: Books): Promise<boolean> {
  const until = stage.venue.now() + SETTLE_MS;
  const agrees = () =>
    stage.ledger("cash") === books.pusd && stage.ledger("up") === books.up &&
    stage.ledger("down") === books.down;
  while (!agrees() && stage.venue.now() < until) await nextBlocks(stage, 1);
  return agrees();
}

function journalWrong(data: string, wallet: string): string[] {
  const journal = MoneyJournal.open(moneyJournalPath(data, wallet));
  try {
    const wrong: string[] = [];
    if (journal.underWay.length > 0) wrong.push("something is still under way");
    if (journal.open !== null) wrong.push("its run has not ended");
    return wrong;
  } finally {
    journal.close();
  }
}

/** Runs a plan on its account; the balances that it leaves are made up for by the next. */
export async function killRun(stage: KillStage, plan: KillPlan): Promise<KillOutcome> {
  const began = performance.now();
  const data = await Deno.makeTempDir({ prefix: "poly-edge-kill-" });
  const wrong: string[] = [];
  // No two runs alike, so that none is taken for the repetition of another.
  const amount = `250.${String(plan.run).padStart(6, "0")}`;
  const pays = micro(amount);
  const argv = argvOf(plan, amount, stage.conditionId);
  try {
    await prepare(stage, data);
    const before = await readBooks(stage.ask, stage.parties);
    const arrived = (books: Books): bigint => books.paidPusd + books.paidUsdce;
    let kills = await kill(stage, argv, data, plan.point, wrong);
    if (plan.again !== null) kills += await kill(stage, argv, data, plan.again, wrong);
    const atKill = arrived(less(await readBooks(stage.ask, stage.parties), before));
    const ran = await stage.inside(argv, data);
    const answer = (ran.envelope?.data ?? { steps: [] }) as unknown as Answer;
    if (ran.code !== 0) wrong.push(`going on ended with ${ran.code}: ${ran.out.slice(0, 600)}`);
    if (answer.unexplained !== "0.000000") wrong.push(`it says unexplained ${answer.unexplained}`);
    const third = await stage.inside(argv, data);
    const repeated = (third.envelope?.data as unknown as Answer | undefined)?.repeated;
    if (third.code !== 0 || repeated !== true) wrong.push(`once more: ${third.out.slice(0, 300)}`);
    const after = await readBooks(stage.ask, stage.parties);
    const moved = less(after, before);
    const hashes = answer.steps.flatMap(({ hash }) => hash === null ? [] : [hash]);
    const unexplained = less(moved, await movedIn(stage.ask, hashes, stage.parties));
    const wanted: Books = {
      ...NOTHING,
      pusd: micro(SETS) - pays,
      up: -micro(SETS),
      down: -micro(SETS),
      [plan.asset === "pusd" ? "paidPusd" : "paidUsdce"]: pays,
      pol: moved.pol,
    };
    const off = less(moved, wanted);
    if (booksText(off) !== "-") wrong.push(`moved otherwise than asked: ${booksText(off)}`);
    if (Object.values(unexplained).some((value) => value !== 0n)) {
      wrong.push(`unexplained: ${booksText(unexplained)}`);
    }
    if (plan.key !== 0 && moved.pol !== 0n) wrong.push("the relayer's gas was paid by the key");
    if (stage.openOrders() > 0) wrong.push("an order is still open");
    if (!await venueAgrees(stage, after)) wrong.push("the venue's ledger differs from the chain");
    wrong.push(...journalWrong(data, stage.parties.wallet));
    const isWhole = (paid: bigint): number => paid % pays === 0n ? Number(paid / pays) : NaN;
    // As much money as before for the next run.
    await stage.credit("pUSD", amount);
    return {
      plan,
      kills,
      paidAtKill: isWhole(atKill),
      payments: isWhole(arrived(moved)),
      went: answer.repeated === true ? "ended" : answer.resumed === true ? "resumed" : "new",
      moved: plus(moved, NOTHING),
      unexplained,
      ms: Math.round(performance.now() - began),
      wrong,
    };
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

/** True when it paid once, was killed at least once and nothing is wrong. */
export const isSound = ({ kills, payments, wrong }: KillOutcome): boolean =>
  kills > 0 && payments === 1 && wrong.length === 0;

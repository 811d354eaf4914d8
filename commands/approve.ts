/** `approve`: who may take what from the wallet; grants an exact, a bounded or an unlimited amount, or takes it back. */
import type { Command } from "commander";
import { MaxUint256 } from "ethers";
import { OperationError } from "../core/errors.ts";
import { parseDecimal } from "../core/units.ts";
import { allowanceCall, approveCall, operatorCall, setOperatorCall } from "../feeds/chain/contracts.ts";
import type { MoneyRun } from "../feeds/chain/money_journal.ts";
import { type Grant, type Spender, SPENDERS } from "../feeds/chain/spenders.ts";
import { accountFlags } from "./account.ts";
import { type CashDesk, cashFlags, microText } from "./cash/desk.ts";
import { perform } from "./cash/perform.ts";
import { type Plan, runSimple } from "./cash/simple.ts";
import type { CommandContext } from "./command.ts";
import { table } from "./output.ts";
import { attach, examples } from "./run.ts";

/** What is to be set: base units for dollars, zero for none. */
interface Wish {
  readonly spenders: readonly Spender[];
  readonly assets: "all" | "dollars" | "shares";
  /** null: only show. */
  readonly amount: bigint | null;
}

interface Row {
  readonly spender: Spender;
  readonly grant: Grant;
  readonly now: bigint;
}

/** More than anybody has: some wallets and exchanges write "unlimited" as a little less than the largest number. */
const UNLIMITED = 2n ** 200n;

const usage = (message: string, hint: string): OperationError =>
  new OperationError({ code: "USAGE", message, hint, exit: 2 });

function spendersOf(text: unknown): readonly Spender[] {
  if (text === undefined || text === "all") return SPENDERS;
  const names = String(text).split(",").map((name) => name.trim().toLowerCase());
  const found = SPENDERS.filter(({ name }) => names.includes(name));
  if (found.length === names.length) return found;
  throw usage(
    `Cannot read --spender as a list of spenders: current value is ${String(text)}`,
    `Known are ${SPENDERS.map(({ name }) => name).join(", ")} and all.`,
  );
}

function amountOf(ctx: CommandContext, options: Record<string, unknown>): bigint | null {
  const { amount, bounded, revoke, unlimited } = options;
  const given = [amount !== undefined, bounded === true, revoke === true, unlimited === true];
  if (given.filter(Boolean).length > 1) {
    throw usage(
      "Cannot grant two amounts at once",
      "Give one of --amount, --bounded, --unlimited, --revoke.",
    );
  }
  if (revoke === true) return 0n;
  if (unlimited === true) return MaxUint256;
  if (bounded === true) return BigInt(parseDecimal(String(ctx.config.risk.maxTotalExposureUsdc), 6));
  if (amount === undefined) return null;
  const value = parseDecimal(String(amount).trim(), 6);
  if (value > 0) return BigInt(value);
  throw usage(
    `Cannot read --amount as an amount above zero: current value is ${String(amount)}`,
    "--revoke takes it back.",
  );
}

function wishOf(ctx: CommandContext, options: Record<string, unknown>): Wish {
  const amount = amountOf(ctx, options);
  if (amount !== null && amount !== 0n && options["spender"] === undefined) {
    throw usage(
      "Cannot grant anything to nobody: --spender is missing",
      "For example: --spender exchange-v2",
    );
  }
  const { only = "all" } = options;
  if (only !== "all" && only !== "dollars" && only !== "shares") {
    throw usage(`Cannot read --only: current value is ${String(only)}`, "dollars or shares");
  }
  return { spenders: spendersOf(options["spender"]), assets: only, amount };
}

async function readGrants(desk: CashDesk, spenders: readonly Spender[]): Promise<Row[]> {
  const rows = spenders.flatMap((spender) => spender.grants.map((grant) => ({ spender, grant })));
  const owner = desk.account.funder;
  const { values } = await desk.read(
    rows.map(({ grant: { kind, token }, spender: { address } }) =>
      kind === "amount" ? allowanceCall(token, owner, address) : operatorCall(token, owner, address)
    ),
  );
  return rows.map((row, at) => ({ ...row, now: values[at] ?? 0n }));
}

const amountText = (kind: Grant["kind"], value: bigint): string => {
  if (kind === "operator") return value === 0n ? "none" : "all";
  return value >= UNLIMITED ? "unlimited" : microText(value);
};

const rowData = ({ grant, now, spender }: Row) => ({
  spender: spender.name,
  address: spender.address,
  asset: grant.asset,
  granted: amountText(grant.kind, now),
  power: grant.power,
});

function rowsTable(rows: readonly Row[], color: boolean): string {
  return table({
    head: ["spender", "asset", "granted", "can do"],
    align: ["left", "left", "right", "left"],
    color,
    rows: rows.map(({ grant, now, spender }) => [
      spender.name,
      grant.asset,
      amountText(grant.kind, now),
      grant.power,
    ]),
  });
}

/** What a row should become; null when nothing is to be done about it. */
function targetOf({ grant, now }: Row, { amount, assets }: Wish): bigint | null {
  if (amount === null) return null;
  if (assets === "dollars" && grant.kind !== "amount" || assets === "shares" && grant.kind !== "operator") {
    return null;
  }
  const target = grant.kind === "operator" ? amount === 0n ? 0n : 1n : amount;
  return target === now ? null : target;
}

async function planOf(desk: CashDesk, wish: Wish): Promise<Plan> {
  const rows = await readGrants(desk, wish.spenders);
  const changes = rows.flatMap((row) => {
    const target = targetOf(row, wish);
    return target === null ? [] : [{ row, target }];
  });
  const told = changes.map(({ row: { grant, now, spender }, target }) =>
    `${spender.name}: ${grant.asset} ${amountText(grant.kind, now)} -> ${amountText(grant.kind, target)}; ` +
    `it ${grant.power}`
  );
  const shown = rowsTable(rows, desk.ctx.color);
  return {
    text: wish.amount === null
      ? shown
      : told.length === 0
      ? `${shown}\n\nthis is so already`
      : told.join("\n"),
    data: { approvals: rows.map(rowData) },
    empty: changes.length === 0,
    async act(run: MoneyRun) {
      for (const { row: { grant, spender }, target } of changes) {
        const call = grant.kind === "operator"
          ? setOperatorCall(grant.token, spender.address, target === 1n)
          : approveCall(grant.token, spender.address, target);
        const title = `${target === 0n ? "revoke" : "approve"} ${grant.asset} for ${spender.name}`;
        await perform(desk, run.id, { name: target === 0n ? "revoke" : "approve", title, calls: [call] });
      }
      return { approvals: (await readGrants(desk, wish.spenders)).map(rowData) };
    },
  };
}

/** Adds `approve`. */
export function register(program: Command): void {
  const command = cashFlags(accountFlags(
    program.command("approve")
      .description(
        "Show who may take dollars and shares from the wallet and what for; grant it or take it back.",
      )
      .option("--spender <list>", `${SPENDERS.map(({ name }) => name).join(", ")}, all`)
      .option("--amount <dollars>", "exactly this much; shares are granted all or none")
      .option("--bounded", "as much as risk.maxTotalExposureUsdc")
      .option("--unlimited", "without a limit: what it can do, it can do with everything")
      .option("--revoke", "take it back; without --spender from everybody")
      .option("--only <what>", "dollars or shares"),
  )).addHelpText(
    "after",
    examples(["approve", "approve --spender exchange-v2 --bounded", "approve --revoke --yes"]),
  );
  attach(
    command,
    "approve",
    (ctx, _args, options) =>
      Promise.try(() => {
        const wish = wishOf(ctx, options);
        return runSimple(ctx, options, { name: "approve", alone: false, plan: (desk) => planOf(desk, wish) });
      }),
    { proxy: true },
  );
}

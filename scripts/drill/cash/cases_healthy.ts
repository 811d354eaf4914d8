/** Scenarios in which nobody misbehaves: every command, every kind of wallet, both market versions. */
import { allowanceCall } from "../../../feeds/chain/contracts.ts";
import { OFFRAMP, PUSD } from "../../../fixtures/chain/addresses.ts";
import { type CashStage, FRIEND } from "../../../tests/commands/cash_stage.ts";
import type { KeyIndex } from "../../../tests/venue/stage.ts";
import type { Hands, Moves, Scenario } from "./scenario.ts";

const WALLETS = ["plain key", "proxy wallet", "Safe", "deposit wallet"] as const;

/** `cashout` to the destination of the drill. */
export const cashout = (...more: string[]): string[] => [
  ...["cashout", "--to", FRIEND, "--first-use", "--yes"],
  ...more,
];

/** Puts shares of the window into the wallet. */
export const shares = (up: string, down: string) => async (stage: CashStage): Promise<void> => {
  const { control, key: account, market5m } = stage;
  if (up !== "0") await control({ action: "credit", account, asset: market5m.up, amount: up });
  if (down !== "0") await control({ action: "credit", account, asset: market5m.down, amount: down });
};

/** Lets the window end and its payouts be reported. */
export async function resolve(stage: CashStage): Promise<void> {
  stage.advance(stage.market5m.endMs - stage.now() + 120_000);
  await stage.blocks(3);
}

const everything = (key: KeyIndex): Scenario => ({
  name: `cashout: orders, set, fill, ${WALLETS[key]}`,
  key,
  async prepare(stage) {
    await shares("7", "5.5")(stage);
    await stage.rest(0.02, 50);
    await stage.buy(20);
    // The purchase is final: its money has left before the books are opened.
    stage.advance(20_000);
    await stage.blocks(2);
  },
  async act(hands) {
    const before = await hands.pusd(hands.funder);
    const data = await hands.run(cashout("--all"), 5);
    hands.expect(data.canceled === 1, "one order was cancelled");
    hands.expect(data.left?.[0]?.reason === "WINDOW_OPEN", "the other shares are left and told");
    hands.expect(data.unexplained === "0.000000", "it explains everything");
    const paid = `${(before + 5_500_000n) / 1_000_000n}.${
      String((before + 5_500_000n) % 1_000_000n).padStart(6, "0")
    }`;
    return { pusd: decimal(-before), up: "-5.5", down: "-5.5", paidUsdce: paid };
  },
});

const decimal = (amount: bigint): string => {
  const value = amount < 0n ? -amount : amount;
  return `${amount < 0n ? "-" : ""}${value / 1_000_000n}.${String(value % 1_000_000n).padStart(6, "0")}`;
};

const merge = (key: KeyIndex, version: "v1" | "v2"): Scenario => ({
  name: `merge: complete sets, ${WALLETS[key]}`,
  key,
  version,
  prepare: shares("7.000001", "5.123456"),
  async act({ expect, market5m, run }) {
    const data = await run(["merge", "--condition", market5m.conditionId, "--yes"], 0);
    expect(data.gained === "5.123456", "it says what it gained");
    return { pusd: "5.123456", up: "-5.123456", down: "-5.123456" };
  },
});

/** Who won is known when it has resolved; then the shares are put in. */
const redeem = (key: KeyIndex, version: "v1" | "v2", has: "won" | "lost" | "both"): Scenario => ({
  name: `redeem: ${has}, ${WALLETS[key]}`,
  key,
  version,
  prepare: async (stage) => {
    await shares("3.3", "3.3")(stage);
    await resolve(stage);
  },
  async act(hands) {
    const up = await upWon(hands);
    const [winner, loser] = up ? ["up", "down"] as const : ["down", "up"] as const;
    if (has === "won") await hands.outside(loser, "-3.3");
    if (has === "lost") await hands.outside(winner, "-3.3");
    const data = await hands.run(["redeem", "--condition", hands.market5m.conditionId, "--yes"], 0);
    if (has === "lost") {
      hands.expect(data.windows?.length === 0, "what lost is not redeemed");
      return {};
    }
    hands.expect(data.gained === "3.300000", "it says what it gained");
    // A v1 redemption takes both sides of the window.
    const takesBoth = has === "both" && version === "v1";
    return { pusd: "3.3", [winner]: "-3.3", ...(takesBoth ? { [loser]: "-3.3" } : {}) };
  },
});

async function upWon({ get, market5m }: Hands): Promise<boolean> {
  const slug = `btc-updown-5m-${market5m.endMs / 1_000 - 300}`;
  const { outcomePrices } = await get(`/gamma/markets/slug/${slug}`) as { readonly outcomePrices: string };
  return JSON.parse(outcomePrices)[0] === "1";
}

const ramp = (key: KeyIndex): Scenario => ({
  name: `unwrap, then wrap a part back, ${WALLETS[key]}`,
  key,
  async act({ run }) {
    await run(["unwrap", "--amount", "12.345678", "--yes"], 0);
    await run(["wrap", "--amount", "2.000001", "--yes"], 0);
    return { pusd: "-10.345677", usdce: "10.345677" };
  },
});

async function allowance(hands: Hands): Promise<bigint> {
  const { data, to } = allowanceCall(PUSD, hands.funder, OFFRAMP);
  return BigInt(String(await hands.rpc("eth_call", { to, data }, "latest")));
}

const approve = (key: KeyIndex): Scenario => ({
  name: `approve: exact, unlimited, revoked, ${WALLETS[key]}`,
  key,
  async act(hands) {
    const { expect, run } = hands;
    await run(["approve", "--spender", "offramp", "--amount", "12.5", "--yes"], 0);
    expect(await allowance(hands) === 12_500_000n, "exactly 12.5 is granted");
    await run(["approve", "--spender", "offramp", "--unlimited", "--yes"], 0);
    expect(await allowance(hands) > 10n ** 60n, "no limit");
    await run(["approve", "--spender", "offramp", "--revoke", "--yes"], 0);
    expect(await allowance(hands) === 0n, "nothing is granted");
    return {};
  },
});

const emptyAccount = (key: KeyIndex): Scenario => ({
  name: `an account that is empty, ${WALLETS[key]}`,
  key,
  async prepare({ control, key: account }) {
    await control({ action: "credit", account, asset: "pUSD", amount: "-10000" });
  },
  async act({ expect, run }) {
    const data = await run(cashout("--all"), 0);
    expect(data.paid === "0.000000" && data.left?.length === 0, "nothing was there to pay");
    await run(["merge", "--yes"], 0);
    await run(["redeem", "--yes"], 0);
    await run(["wrap", "--all", "--yes"], 0);
    await run(["unwrap", "--all", "--yes"], 0);
    return {};
  },
});

const dryRuns = (key: KeyIndex): Scenario => ({
  name: `--dry-run changes nothing, ${WALLETS[key]}`,
  key,
  async prepare(stage) {
    await shares("4", "4")(stage);
    await stage.rest(0.02, 10);
  },
  async act({ expect, market5m, run, venue }) {
    const where = ["--condition", market5m.conditionId];
    const planned = await run(cashout("--all", "--dry-run", ...where), 0);
    expect(planned.payable === "10004.000000", "it says what it would pay");
    await run(["merge", "--dry-run", ...where], 0);
    await run(["redeem", "--dry-run", ...where], 0);
    await run(["unwrap", "--all", "--dry-run"], 0);
    await run(["wrap", "--all", "--dry-run"], 0);
    await run(["approve", "--revoke", "--dry-run"], 0);
    expect([...venue.exchange.state.open].length === 1, "the order is still open");
    return {};
  },
});

const resolvedToo = (key: KeyIndex, version: "v1" | "v2"): Scenario => ({
  name: `cashout: a resolved window, both sides, ${WALLETS[key]}`,
  key,
  version,
  async prepare(stage) {
    await shares("6", "2.5")(stage);
    await resolve(stage);
  },
  async act(hands) {
    const up = await upWon(hands);
    const brings = up ? 6_000_000n : 2_500_000n;
    await hands.run(cashout("--all", "--condition", hands.market5m.conditionId), 0);
    const sides: Moves = version === "v1" ? { up: "-6", down: "-2.5" } : up ? { up: "-6" } : { down: "-2.5" };
    return { pusd: "-10000", ...sides, paidUsdce: decimal(10_000_000_000n + brings) };
  },
});

const setsOf = (key: KeyIndex): Scenario => ({
  name: `cashout: complete sets, ${WALLETS[key]}`,
  key,
  version: "v2",
  prepare: shares("4.5", "4.5"),
  async act({ market5m, run }) {
    await run(cashout("--all", "--condition", market5m.conditionId), 0);
    return { pusd: "-10000", up: "-4.5", down: "-4.5", paidUsdce: "10004.5" };
  },
});

const provisional = (key: KeyIndex, settles: boolean): Scenario => ({
  name: `cashout: a fill that ${settles ? "is not settled yet" : "fails"}, ${WALLETS[key]}`,
  key,
  async act(hands) {
    if (!settles) await hands.control({ action: "settlement", outcome: "FAILED" });
    await hands.buy(20);
    const data = await hands.run(cashout("--amount", "100"), 0);
    hands.expect(data.paid === "100.000000", "it paid");
    hands.advance(30_000);
    await hands.blocks(3);
    if (!settles) return { pusd: "-100", paidUsdce: "100" };
    const cost = 9_900_000_000n - await hands.pusd(hands.funder);
    hands.expect(cost > 0n && cost < 20_000_000n, `20 shares cost ${cost}`);
    return { pusd: decimal(-100_000_000n - cost), up: "20", paidUsdce: "100" };
  },
});

const KEYS = [0, 1, 2, 3] as const;

export const HEALTHY: readonly Scenario[] = [
  ...KEYS.map(everything),
  setsOf(0),
  setsOf(1),
  resolvedToo(0, "v1"),
  resolvedToo(2, "v2"),
  provisional(0, true),
  provisional(3, true),
  provisional(0, false),
  merge(0, "v1"),
  merge(1, "v2"),
  merge(2, "v1"),
  merge(3, "v2"),
  redeem(0, "v1", "won"),
  redeem(3, "v1", "both"),
  redeem(1, "v1", "lost"),
  redeem(0, "v2", "both"),
  redeem(2, "v2", "won"),
  redeem(3, "v2", "lost"),
  ...KEYS.map(ramp),
  approve(0),
  approve(1),
  approve(2),
  approve(3),
  emptyAccount(0),
  emptyAccount(3),
  dryRuns(0),
  dryRuns(2),
];

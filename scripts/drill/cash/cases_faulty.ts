/** Scenarios in which the chain, its endpoints, the relayer or the process fail. */
import { FRIEND } from "../../../tests/commands/cash_stage.ts";
import type { KeyIndex } from "../../../tests/venue/stage.ts";
import { cashout, shares } from "./cases_healthy.ts";
import type { Hands, Loose, Moves, Scenario } from "./scenario.ts";

type Fault = Readonly<Record<string, unknown>>;

const PUSD_WAY = cashout("--amount", "100", "--asset", "pusd");
const RAMP_WAY = cashout("--amount", "100");
const HUNDRED: Moves = { pusd: "-100", paidPusd: "100" };
const HUNDRED_RAMP: Moves = { pusd: "-100", paidUsdce: "100" };
const QUICK = ["--set", "chain.deadlineMs=400"];

/** The command ends well in spite of it. */
const passes = (
  name: string,
  key: KeyIndex,
  faults: readonly Fault[],
  more: readonly string[] = [],
): Scenario => ({
  name,
  key,
  async act({ control, expect, run }) {
    for (const fault of faults) await control(fault);
    const data = await run([...RAMP_WAY, ...more], 0);
    expect(data.unexplained === "0.000000", "it explains everything");
    return HUNDRED_RAMP;
  },
});

/** The command fails in words; when the trouble is over the same command ends it, and nothing is paid twice. */
const fails = (
  name: string,
  key: KeyIndex,
  faults: readonly Fault[],
  [exit, code]: readonly [number, string],
  mend: readonly Fault[] = [],
): Scenario => ({
  name,
  key,
  async act(hands) {
    for (const fault of faults) await hands.control({ address: hands.owner, ...fault });
    await hands.run(PUSD_WAY, exit, code);
    await hands.control({ action: "clear-chain-faults" });
    hands.expect(await hands.pusd(FRIEND) === 0n, "nothing was paid");
    for (const fault of mend) await hands.control({ address: hands.owner, ...fault });
    await hands.run(PUSD_WAY, 0);
    return HUNDRED;
  },
});

const rpc = (kind: string, more: Fault = {}): Fault => ({ action: "rpc-fault", kind, ...more });
const lie = (kind: string, more: Fault = {}): Fault => ({ action: "rpc-lie", kind, ...more });
const tx = (kind: string, count = 1): Fault => ({ action: "tx-fault", kind, count });
const relayer = (kind: string, count = 1, more: Fault = {}): Fault => ({
  action: "relayer-fault",
  kind,
  count,
  ...more,
});

/** An endpoint that says another balance (hex digits) where the truth is 10,000 dollars. */
async function withLiar(hands: Hands, digits: string, act: (url: string) => Promise<Moves>): Promise<Moves> {
  const real = hands.venue.endpoints.polygonRpc;
  const liar = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const body = await request.text();
    const answer = await (await fetch(real, { method: "POST", body })).text();
    return new Response(body.includes("eth_call") ? answer.replaceAll("2540be400", digits) : answer);
  });
  try {
    return await act(`http://127.0.0.1:${liar.addr.port}`);
  } finally {
    await liar.shutdown();
  }
}

const endpoints: readonly Scenario[] = [
  passes("RPC: four errors", 0, [rpc("error", { count: 4 })]),
  passes("RPC: rate limited", 3, [rpc("rate-limit", { count: 4 })]),
  passes("RPC: garbage", 0, [rpc("garbage", { count: 3 })]),
  passes("RPC: hangs", 0, [rpc("hang", { count: 2 })], QUICK),
  passes("RPC: accepts, and the answer is lost", 0, [
    rpc("lose-answer", { method: "eth_sendRawTransaction", count: 2 }),
  ], QUICK),
  passes("RPC: denies receipts for a while", 0, [
    lie("no-receipt", { count: 3, method: "eth_getTransactionReceipt" }),
  ]),
  passes("RPC: another chain, once", 3, [lie("wrong-chain")]),
  passes("RPC: lags three blocks", 0, [{ action: "rpc-lag", blocks: 3, seconds: 30 }]),
  passes("RPC: lags three blocks", 3, [{ action: "rpc-lag", blocks: 3, seconds: 30 }]),
  passes("chain: a block is taken back", 0, [{ action: "chain-reorg", when: "next" }]),
  passes("chain: a block is taken back and lost", 0, [{ action: "chain-reorg", when: "next", lose: true }]),
  passes("chain: a block is taken back", 3, [{ action: "chain-reorg", when: "next" }]),
  fails("RPC: nobody answers", 0, [rpc("error", { seconds: 7_200 })], [1, "RPC_FAILED"]),
  fails("RPC: nobody answers", 3, [rpc("rate-limit", { seconds: 7_200 })], [1, "RPC_FAILED"]),
  fails("RPC: another chain for good", 0, [lie("wrong-chain", { seconds: 7_200 })], [3, "CHAIN_MISMATCH"]),
  passes("RPC: never shows a receipt", 0, [
    lie("no-receipt", { seconds: 86_000, method: "eth_getTransactionReceipt" }),
  ]),
  {
    name: "RPC: doubles the balance, alone, and all is asked for",
    key: 0,
    act: (hands) =>
      withLiar(hands, "4a817c800", async (liar) => {
        const all = cashout("--all", "--asset", "pusd");
        await hands.run([...all, "--set", `chain.rpc=${liar}`], 5, "TX_WOULD_REVERT");
        await hands.run(all, 0);
        return { pusd: "-10000", paidPusd: "10000" };
      }),
  },
  {
    name: "RPC: doubles the balance, alone",
    key: 3,
    act: (hands) =>
      withLiar(hands, "4a817c800", async (liar) => {
        const data = await hands.run([...PUSD_WAY, "--set", `chain.rpc=${liar}`], 0);
        hands.expect(data.unexplained === "-10000.000000", "it tells what it cannot explain");
        return HUNDRED;
      }),
  },
  {
    name: "RPC: two endpoints differ by 0.000256",
    key: 0,
    act: (hands) =>
      withLiar(hands, "2540be500", async (liar) => {
        const both = ["--set", `chain.rpc=${hands.venue.endpoints.polygonRpc},${liar}`];
        await hands.run([...PUSD_WAY, ...both], 3, "RPC_DISAGREE");
        await hands.run(PUSD_WAY, 0);
        return HUNDRED;
      }),
  },
];

/** Nonces, gas and the mempool; only a plain key has them. */
const transactions: readonly Scenario[] = [
  passes("transaction: reverts once", 0, [tx("revert")]),
  passes("transaction: dropped", 0, [tx("drop")]),
  passes("transaction: underpriced", 0, [tx("underpriced")]),
  passes("transaction: stuck, replaced by a dearer one", 0, [tx("stuck")]),
  fails("transaction: reverts twice", 0, [tx("revert", 20)], [5, "TX_REVERTED"]),
  fails("transaction: refused for good", 0, [tx("underpriced", 50)], [5, "TX_REFUSED"]),
  fails("transaction: stuck for good", 0, [tx("stuck", 50)], [5, "TX_PENDING"], [{ action: "chain-stuck" }]),
  fails("transaction: dropped for good", 0, [tx("drop", 500)], [5, "TX_PENDING"]),
  fails("gas: the chain asks more than the cap", 0, [{ action: "chain-fee", gwei: 900 }], [
    3,
    "GAS_PRICE_HIGH",
  ], [
    { action: "chain-fee", gwei: 30 },
  ]),
  {
    name: "gas: none left",
    key: 0,
    async prepare({ control, owner }) {
      await control({ action: "chain-gas", address: owner, pol: "0.000001" });
    },
    async act({ cash, expect, gas, run }) {
      await run(PUSD_WAY, 5, "GAS_INSUFFICIENT");
      const dry = await cash(["cashout", "--to", FRIEND, "--dry-run", "--json"]);
      expect(dry.code === 0, "a dry run needs no gas");
      await gas("5");
      await run(PUSD_WAY, 0);
      return HUNDRED;
    },
  },
];

const contracts: readonly Scenario[] = [
  ...([0, 3] as const).map((key): Scenario => ({
    name: "ramp paused: nothing is paid, the pUSD way is open",
    key,
    async act({ control, run }) {
      await control({ action: "ramp", which: "offramp" });
      await run(RAMP_WAY, 5, key === 0 ? "RAMP_PAUSED" : "RELAYER_FAILED");
      await run(["unwrap", "--amount", "5", "--yes"], 5, key === 0 ? "RAMP_PAUSED" : "RELAYER_FAILED");
      await run(PUSD_WAY, 0);
      await control({ action: "ramp", which: "offramp", paused: false });
      await run(RAMP_WAY, 0);
      return { pusd: "-200", paidPusd: "100", paidUsdce: "100" };
    },
  })),
  {
    name: "ramp paused: wrap waits",
    key: 0,
    async act({ control, run }) {
      await run(["unwrap", "--amount", "5", "--yes"], 0);
      await control({ action: "ramp", which: "onramp" });
      await run(["wrap", "--all", "--yes"], 5, "RAMP_PAUSED");
      await control({ action: "ramp", which: "onramp", paused: false });
      await run(["wrap", "--all", "--yes"], 0);
      return {};
    },
  },
  ...([0, 1, 3] as const).map((key): Scenario => ({
    name: "the destination refuses",
    key,
    async act({ control, run }) {
      await control({ action: "refuse", address: FRIEND });
      // A proxy wallet's transaction is mined, and its call fails inside.
      const code = ["DESTINATION_REFUSES", "TX_REVERTED", "", "RELAYER_FAILED"][key];
      await run(PUSD_WAY, 5, code);
      await control({ action: "refuse", address: FRIEND, on: false });
      await run(PUSD_WAY, 0);
      return HUNDRED;
    },
  })),
];

const relayed: readonly Scenario[] = [
  passes("relayer: busy", 3, [relayer("busy", 2)]),
  passes("relayer: another action in flight", 2, [relayer("in-flight", 2)]),
  passes("relayer: a stale counter", 3, [relayer("nonce")]),
  passes("relayer: its quota is used up", 1, [relayer("quota", 2)]),
  passes("relayer: errors", 2, [relayer("error", 2)]),
  passes("relayer: takes it and hangs", 1, [relayer("hang")], QUICK),
  passes("relayer: one action fails", 3, [relayer("fail")]),
  passes("relayer: one action is invalid", 2, [relayer("invalid")]),
  passes("relayer: cannot be read for a while", 3, [relayer("error", 5, { method: "read" })]),
  fails("relayer: blocks the target", 3, [relayer("blocked", 9)], [5, "RELAYER_BLOCKED"]),
  fails("relayer: every action fails", 2, [relayer("fail", 9)], [5, "RELAYER_FAILED"]),
  fails("relayer: busy for good", 3, [relayer("busy", 10_000)], [5, "RELAYER_BUSY"]),
  {
    name: "relayer: stalls for ever",
    key: 3,
    async act({ blocks, control, advance, expect, pusd, run }) {
      await control(relayer("stall"));
      await run(PUSD_WAY, 5, "TX_PENDING");
      expect(await pusd(FRIEND) === 0n, "nothing was paid");
      // Ten minutes after it was signed it cannot land any more; the relayer still takes nothing else for the wallet.
      for (let minute = 0; minute < 12; minute++) advance(60_000);
      await blocks(2);
      const { details } = await run(PUSD_WAY, 5, "RELAYER_BUSY");
      expect(details?.steps?.[0]?.state === "void", "the first batch is void");
      return {};
    },
  },
];

/** The process dies right after the n-th record of its journal, several times in a row. */
const dies = (key: KeyIndex, records: readonly number[], way: "pusd" | "ramp"): Scenario => ({
  name: `killed at records ${records.join(", ")}, then resumed`,
  key,
  prepare: shares("6", "5"),
  async act(hands: Hands) {
    const argv = [...way === "pusd" ? PUSD_WAY : RAMP_WAY, "--condition", hands.market5m.conditionId];
    for (const nth of records) await hands.crash(argv, nth);
    const data = await hands.run(argv, 0);
    hands.expect(data.resumed === true, "it goes on where it stopped");
    const third = await hands.run(argv, 0);
    hands.expect(third.repeated === true, "a third time pays nothing");
    return way === "pusd"
      ? { pusd: "-95", up: "-5", down: "-5", paidPusd: "100" }
      : { pusd: "-95", up: "-5", down: "-5", paidUsdce: "100" };
  },
});

/** What merging and redeeming do when the chain will not have it. */
const harvests: readonly Scenario[] = [
  {
    name: "merge: its transactions revert",
    key: 0,
    prepare: shares("4", "4"),
    async act({ control, expect, market5m, run }) {
      const argv = ["merge", "--condition", market5m.conditionId, "--yes"];
      await control(tx("revert", 20));
      const { failed } = await run(argv, 5);
      expect(failed?.length === 2, "it says what has failed");
      await control({ action: "clear-chain-faults" });
      await run(argv, 0);
      return { pusd: "4", up: "-4", down: "-4" };
    },
  },
  {
    name: "cashout: every transaction reverts, merging too",
    key: 0,
    prepare: shares("4", "4"),
    async act({ control, market5m, run }) {
      const argv = cashout("--all", "--asset", "pusd", "--condition", market5m.conditionId);
      await control(tx("revert", 50));
      await run(argv, 5, "TX_REVERTED");
      await control({ action: "clear-chain-faults" });
      await run(argv, 0);
      return { pusd: "-10000", up: "-4", down: "-4", paidPusd: "10004" };
    },
  },
];

/** The relayer has taken a batch, and the process dies before it has written down what the relayer calls it; twice. */
const unnamed = (key: KeyIndex): Scenario => ({
  name: "killed before the relayer's answer is written, merge and payment",
  key,
  prepare: shares("6", "5"),
  async act({ blocks, crash, expect, market5m, run }) {
    const argv = [...RAMP_WAY, "--condition", market5m.conditionId];
    await crash(argv, "answer");
    await blocks(6);
    await crash(argv, "answer");
    await blocks(6);
    const { steps } = await run(argv, 0);
    expect(
      steps?.length === 2 && steps.every(({ hash, state }: Loose) => state === "landed" && hash !== null),
      "both landed, and their transactions are named",
    );
    return { pusd: "-95", up: "-5", down: "-5", paidUsdce: "100" };
  },
});

const crashes: readonly Scenario[] = [
  dies(0, [5, 2, 2], "ramp"),
  dies(1, [6, 1], "pusd"),
  dies(2, [8], "ramp"),
  dies(3, [5, 3], "pusd"),
  unnamed(1),
  unnamed(2),
  unnamed(3),
];

const venue: readonly Scenario[] = [
  {
    name: "orders cannot be cancelled: nothing is paid",
    key: 1,
    async prepare({ rest }) {
      await rest(0.02, 10);
    },
    async act({ control, run, venue: { exchange }, expect }) {
      await control({ action: "mode", mode: "disabled" });
      await run(PUSD_WAY, 5, "CASHOUT_INCOMPLETE");
      await control({ action: "mode", mode: "normal" });
      await run(PUSD_WAY, 0);
      expect([...exchange.state.open].length === 0, "no order is open");
      return HUNDRED;
    },
  },
  {
    name: "the venue's copy of the balance is wrong",
    key: 3,
    async act({ control, run }) {
      await control({ action: "venue-balance", account: 3, asset: "pUSD", amount: "5" });
      await run(PUSD_WAY, 0);
      return HUNDRED;
    },
  },
];

export const FAULTY: readonly Scenario[] = [
  ...endpoints,
  ...transactions,
  ...contracts,
  ...relayed,
  ...harvests,
  ...crashes,
  ...venue,
];

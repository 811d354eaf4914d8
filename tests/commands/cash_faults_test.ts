import assert from "node:assert/strict";
import { Wallet } from "ethers";
import type { Loose } from "../fixtures/venue_client.ts";
import { TEST_KEYS } from "../venue/official.ts";
import type { KeyIndex } from "../venue/stage.ts";
import { type CashStage, FRIEND, withCash } from "./cash_stage.ts";

const PAY = ["cashout", "--to", FRIEND, "--amount", "100", "--first-use", "--yes", "--json"];
/** The pUSD way needs one transaction only. */
const PUSD = [...PAY, "--asset", "pusd"];
const HUNDRED = 100_000_000n;

const codeOf = (ran: { readonly envelope: Loose | null }): string => String(ran.envelope?.error?.code);

/** The command fails in words, nothing is lost; when the trouble is over the same command ends it. */
async function failsThenEnds(
  stage: CashStage,
  code: string,
  mend: () => Promise<unknown>,
  argv = PUSD,
): Promise<void> {
  const failed = await stage.cash(argv);
  assert.equal(codeOf(failed), code, failed.out + failed.err);
  assert.ok(failed.code === 5 || failed.code === 3 || failed.code === 1, String(failed.code));
  await mend();
  const ended = await stage.cash(argv);
  assert.equal(ended.code, 0, ended.out + ended.err);
  await paidOnce(stage, argv);
}

async function paidOnce(stage: CashStage, argv = PUSD): Promise<void> {
  const { funder, pusd, usdce } = stage;
  const there = argv.includes("pusd") ? await pusd(FRIEND) : await usdce(FRIEND);
  assert.equal(there, HUNDRED);
  assert.equal(await pusd(funder), 10_000_000_000n - HUNDRED);
}

async function endsAnyway(stage: CashStage, argv = PUSD): Promise<Loose> {
  const ran = await stage.cash(argv);
  assert.equal(ran.code, 0, ran.out + ran.err);
  await paidOnce(stage, argv);
  return ran.envelope?.data as Loose;
}

/** One fault after the other at one venue, each with a payment of its own. */
async function eachEnds(
  key: KeyIndex,
  faults: readonly Record<string, unknown>[],
  look: (data: Loose, fault: Record<string, unknown>) => void = () => {},
): Promise<void> {
  await withCash({ key }, async (stage) => {
    let payments = 0n;
    for (const fault of faults) {
      await stage.control(fault);
      const ran = await stage.cash([...PUSD, "--again"]);
      const words = `${JSON.stringify(fault)}: ${ran.out}${ran.err}`;
      assert.equal(ran.code, 0, words);
      payments++;
      assert.equal(await stage.pusd(FRIEND), payments * HUNDRED, words);
      assert.equal(await stage.pusd(stage.funder), 10_000_000_000n - payments * HUNDRED, words);
      assert.equal((ran.envelope?.data as Loose).unexplained, "0.000000");
      look(ran.envelope?.data as Loose, fault);
      await stage.control({ action: "clear-chain-faults" });
    }
  });
}

const QUICK = ["--set", "chain.deadlineMs=400"];

Deno.test("rpc: errors, limits and garbage pass; a receipt that is denied, a chain that is denied once, a lagging node", async () => {
  await eachEnds(0, [
    { action: "rpc-fault", kind: "error", count: 4 },
    { action: "rpc-fault", kind: "rate-limit", count: 4 },
    { action: "rpc-fault", kind: "garbage", count: 3 },
    { action: "rpc-lie", kind: "no-receipt", count: 3, method: "eth_getTransactionReceipt" },
    { action: "rpc-lie", kind: "wrong-chain", count: 1 },
    { action: "rpc-lag", blocks: 3, seconds: 30 },
    { action: "chain-reorg", when: "next" },
    { action: "chain-reorg", when: "next", lose: true },
  ]);
});

Deno.test("rpc: accepted and the answer lost: seen by its hash, not sent as another", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "rpc-fault", kind: "lose-answer", method: "eth_sendRawTransaction" });
    const data = await endsAnyway(stage, [...PUSD, ...QUICK]);
    assert.equal(data.steps.length, 1);
  });
});

Deno.test("rpc: a node that never shows a receipt: the token's own log proves the payment", async () => {
  for (const argv of [PUSD, PAY]) {
    await withCash({}, async (stage) => {
      await stage.control({
        action: "rpc-lie",
        kind: "no-receipt",
        seconds: 86_000,
        method: "eth_getTransactionReceipt",
      });
      await endsAnyway(stage, argv);
    });
  }
});

Deno.test("a number taken by another transaction of the key: the payment is void and made once more", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "tx-fault", kind: "stuck", count: 50 });
    assert.equal(codeOf(await stage.cash(PUSD)), "TX_PENDING");
    await stage.control({ action: "clear-chain-faults" });
    const nonce = Number(await stage.rpc("eth_getTransactionCount", stage.owner, "latest"));
    const gwei = 10n ** 9n;
    const fees = { maxFeePerGas: 5_000n * gwei, maxPriorityFeePerGas: 5_000n * gwei };
    const plain = { type: 2, chainId: 137, nonce, to: stage.owner, gasLimit: 21_000n, value: 1n, ...fees };
    const other = await new Wallet(TEST_KEYS[0]).signTransaction(plain);
    await stage.rpc("eth_sendRawTransaction", other);
    await stage.blocks(4);
    const data = await endsAnyway(stage);
    assert.deepEqual(data.steps.map(({ state }: Loose) => state), ["void", "landed"]);
  });
});

Deno.test("rpc: another chain for good is refused, and nothing is signed", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "rpc-lie", kind: "wrong-chain", seconds: 3_600 });
    await failsThenEnds(stage, "CHAIN_MISMATCH", () => stage.control({ action: "clear-chain-faults" }));
  });
});

Deno.test("rpc: nobody answers: the command says so, and ends it later", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "rpc-fault", kind: "error", seconds: 7_200 });
    await failsThenEnds(stage, "RPC_FAILED", () => stage.control({ action: "clear-chain-faults" }));
  });
});

Deno.test("transactions: reverted once, dropped, underpriced, stuck: each ends with one payment", async () => {
  const faults = ["revert", "drop", "underpriced", "stuck"].map((kind) => ({ action: "tx-fault", kind }));
  await eachEnds(0, faults, (data, { kind }) => {
    const states = data.steps.map(({ state }: Loose) => state);
    assert.deepEqual(states, kind === "revert" ? ["reverted", "landed"] : ["landed"]);
    if (kind === "stuck") assert.ok(data.steps[0].replaced >= 1, "it was replaced by a dearer one");
  });
});

Deno.test("transactions: stuck for good ends as pending, and the next run goes on with the same number", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "tx-fault", kind: "stuck", count: 50 });
    await failsThenEnds(stage, "TX_PENDING", async () => {
      await stage.control({ action: "clear-chain-faults" });
      await stage.control({ action: "chain-stuck" });
    });
  });
});

Deno.test("gas: none of it, too dear, dearer than the cap while it waits", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "chain-gas", address: stage.owner, pol: "0.0001" });
    const pay = () => stage.control({ action: "chain-gas", address: stage.owner, pol: "5" });
    await failsThenEnds(stage, "GAS_INSUFFICIENT", pay);
  });
  await withCash({}, async (stage) => {
    await stage.control({ action: "chain-fee", gwei: 900 });
    await failsThenEnds(stage, "GAS_PRICE_HIGH", () => stage.control({ action: "chain-fee", gwei: 30 }));
  });
});

Deno.test("a paused ramp and a destination that refuses: nothing is paid, the pUSD way is open", async () => {
  await withCash({}, async (stage) => {
    await stage.control({ action: "ramp", which: "offramp" });
    const failed = await stage.cash(PAY);
    assert.deepEqual([failed.code, codeOf(failed)], [5, "RAMP_PAUSED"], failed.out);
    await endsAnyway(stage);
  });
  for (const key of [0, 3] as const) {
    await withCash({ key }, async (stage) => {
      await stage.control({ action: "refuse", address: FRIEND });
      const failed = await stage.cash(PUSD);
      assert.equal(codeOf(failed), key === 0 ? "DESTINATION_REFUSES" : "RELAYER_FAILED", failed.out);
      assert.equal(await stage.pusd(FRIEND), 0n);
      await stage.control({ action: "refuse", address: FRIEND, on: false });
      await endsAnyway(stage);
    });
  }
});

Deno.test("relayer: busy, in flight, a stale counter, quota, errors, one failure: all end with one payment", async () => {
  const faults = ["busy", "in-flight", "nonce", "quota", "error", "fail", "invalid"].map((kind) => ({
    action: "relayer-fault",
    kind,
  }));
  await eachEnds(3, faults);
  await eachEnds(2, [{ action: "relayer-fault", kind: "fail" }]);
  await withCash({ key: 1 }, async (stage) => {
    await stage.control({ action: "relayer-fault", kind: "hang" });
    await endsAnyway(stage, [...PUSD, ...QUICK]);
  });
});

Deno.test("relayer: blocked and failing for good end in words; a stalled action is pending, then void by its deadline", async () => {
  await withCash({ key: 3 }, async (stage) => {
    await stage.control({ action: "relayer-fault", kind: "blocked", count: 9 });
    await failsThenEnds(stage, "RELAYER_BLOCKED", () => stage.control({ action: "clear-chain-faults" }));
  });
  await withCash({ key: 3 }, async (stage) => {
    await stage.control({ action: "relayer-fault", kind: "fail", count: 9 });
    await failsThenEnds(stage, "RELAYER_FAILED", () => stage.control({ action: "clear-chain-faults" }));
  });
  await withCash({ key: 3 }, async (stage) => {
    await stage.control({ action: "relayer-fault", kind: "stall" });
    const failed = await stage.cash(PUSD);
    assert.equal(codeOf(failed), "TX_PENDING", failed.out);
    assert.equal(await stage.pusd(FRIEND), 0n);
    const status = await stage.cash(["cashout", "--status", "--json"]);
    const [open] = status.envelope?.data?.["open"] as Loose[];
    assert.deepEqual([status.code, open.to, open.steps[0].state], [5, FRIEND, "under way"]);
    assert.match((await stage.cash(["cashout", "--status"])).out, /under way[\s\S]*goes on with it/);
    const asked = await stage.cash([...PUSD, "--wait", "1s"]);
    assert.equal(codeOf(asked), "TX_PENDING", asked.out);
    // The relayer keeps the stalled action for good; once its deadline is over it cannot land, and the next may be signed.
    stage.advance(700_000);
    await stage.blocks(1);
    const later = await stage.cash(PUSD);
    assert.equal(codeOf(later), "RELAYER_BUSY", later.out);
    const states = (later.envelope?.error?.details["steps"] as Loose[]).map(({ state }) => state);
    assert.deepEqual(states, ["void", "dormant"]);
    assert.equal(await stage.pusd(FRIEND), 0n);
  });
});

Deno.test("two endpoints that differ about a balance are told, and nothing is signed", async () => {
  await withCash({}, async (stage) => {
    const real = stage.venue.endpoints.polygonRpc;
    const liar = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const body = await request.json() as Loose;
      const answer = await (await fetch(real, { method: "POST", body: JSON.stringify(body) }))
        .json() as Loose;
      if (body.method === "eth_call" && typeof answer.result === "string") {
        // A little more of everything.
        answer.result = answer.result.replaceAll("2540be400", "2540be500");
      }
      return Response.json(answer);
    });
    const both = ["--set", `chain.rpc=${real},http://127.0.0.1:${liar.addr.port}`];
    const failed = await stage.cash([...PUSD, ...both]);
    assert.deepEqual([failed.code, codeOf(failed)], [3, "RPC_DISAGREE"], failed.out);
    assert.equal(await stage.pusd(FRIEND), 0n);
    await liar.shutdown();
    // A dead second endpoint keeps nothing from working.
    await endsAnyway(stage, [...PUSD, ...both]);
  });
});

import assert from "node:assert/strict";
import { FAULTY } from "../../scripts/drill/cash/cases_faulty.ts";
import { HEALTHY } from "../../scripts/drill/cash/cases_healthy.ts";
import { REFUSED } from "../../scripts/drill/cash/cases_refused.ts";
import { plansOf } from "../../scripts/drill/cash/kill_plan.ts";
import { isSound, killRun } from "../../scripts/drill/cash/kill_run.ts";
import { withKillStage } from "../../scripts/drill/cash/kill_stage.ts";
import { runScenario, type Scenario } from "../../scripts/drill/cash/scenario.ts";

const ALL = [...HEALTHY, ...REFUSED, ...FAULTY];

// All of them, and a hundred processes that are killed: deno task drill:cash.
const SHORT = [
  "cashout: a resolved window, both sides, Safe",
  "transaction: stuck, replaced by a dearer one",
  "relayer: one action fails",
  "killed before the relayer's answer is written, merge and payment",
];

for (const name of SHORT) {
  Deno.test(`cash drill: ${name}: nothing is lost, everything is explained`, async () => {
    const scenario = ALL.find((one) => one.name === name);
    assert.ok(scenario, "the drill has it");
    assert.deepEqual((await runScenario(scenario)).wrong, []);
  });
}

Deno.test("the cash drill sees money that moved otherwise, and money that no printed step moved", async () => {
  const liar: Scenario = {
    name: "a transfer that no command made, and a wrong claim",
    key: 0,
    async act({ blocks, control, run }) {
      await run(["unwrap", "--amount", "2", "--yes"], 0);
      await control({ action: "credit", account: 0, asset: "pUSD", amount: "-0.000001" });
      await blocks(1);
      return { pusd: "-2", usdce: "1.999999" };
    },
  };
  const { unexplained, wrong } = await runScenario(liar);
  assert.equal(unexplained.pusd, -1n);
  assert.deepEqual(wrong, [
    "pusd moved by -2.000001, not -2.000000",
    "usdce moved by 2.000000, not 1.999999",
    "unexplained pusd: -0.000001",
  ]);
});

Deno.test("plans of kills have every record of the journal, before, in the middle of and after it", () => {
  const places = { records: 12, requests: 90 };
  const plans = plansOf(1, 60, { "usdc.e": places, pusd: places }, 1);
  const atRecords = plans.filter(({ point }) => point.at === "record").map(({ point }) => point);
  assert.deepEqual([...new Set(atRecords.map(({ count }) => count))].toSorted((a, b) => a - b), [
    ...Array.from({ length: 12 }, (_, i) => i + 1),
  ]);
  assert.equal(new Set(atRecords.map(({ when }) => when)).size, 3);
  const requests = plans.filter(({ point }) => point.at === "request").map(({ point }) => point.count);
  assert.ok(Math.min(...requests) <= 2 && Math.max(...requests) > 75, String(requests));
});

Deno.test("cash-outs in processes that are killed pay once and go on", async () => {
  await withKillStage(3, 7, async (stage) => {
    const after = { at: "record", count: 8, when: "after" } as const;
    const early = { at: "record", count: 2, when: "after" } as const;
    const torn = { at: "record", count: 6, when: "torn" } as const;
    for (
      const outcome of [
        await killRun(stage, { run: 1, key: 3, asset: "pusd", point: after, again: null }),
        await killRun(stage, { run: 2, key: 3, asset: "usdc.e", point: torn, again: early }),
      ]
    ) assert.ok(isSound(outcome), JSON.stringify(outcome.wrong));
  });
});

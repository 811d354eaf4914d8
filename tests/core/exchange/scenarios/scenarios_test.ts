import assert from "node:assert/strict";
import { MARKET } from "./market.ts";
import { RESTING } from "./resting.ts";
import { endRows, fillRows, play, type Scenario } from "./scenario.ts";
import { TAKING } from "./taking.ts";

const ALL: readonly Scenario[] = [...TAKING, ...RESTING, ...MARKET];

for (const scenario of ALL) {
  Deno.test(`exchange scenario: ${scenario.name}`, () => {
    const { model, answers } = play(scenario);
    assert.deepEqual(fillRows(answers), scenario.fills);
    if (scenario.ends !== undefined) assert.deepEqual(endRows(answers), scenario.ends);
    if (scenario.cash !== undefined) assert.equal(model.cash, scenario.cash);
  });
}

Deno.test("the scenarios hold at least sixty hand-worked fills", () => {
  const fills = ALL.reduce((sum, scenario) => sum + scenario.fills.length, 0);
  assert.ok(fills >= 60, `${fills} fills`);
});

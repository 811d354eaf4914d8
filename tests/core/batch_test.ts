import assert from "node:assert/strict";
import { decideTogether, type MarketView, type Policy } from "../../core/policy/policy.ts";

const view = (id: number) => ({ now: id }) as MarketView;

function policyOf(most: number | null) {
  const calls: number[][] = [];
  const decide = ({ now }: MarketView) => (now % 3) as 0 | 1 | 2;
  const policy: Policy = {
    name: "counted",
    needs: { fast: false, oracle: false, strike: false },
    decideEveryMs: 100,
    statesProbability: false,
    decide(one) {
      calls.push([one.now]);
      return decide(one);
    },
    ...(most === null ? {} : {
      batch: {
        most,
        decide(views, count, actions) {
          calls.push(views.slice(0, count).map(({ now }) => now));
          for (let i = 0; i < count; i++) actions[i] = decide(views[i]!);
        },
      },
    }),
  };
  return { policy, calls };
}

Deno.test("windows are decided together where the policy can, in parts of what it takes, and give the same actions", () => {
  const views = Array.from({ length: 7 }, (_, i) => view(i));
  const asked = (most: number | null, count: number) => {
    const { policy, calls } = policyOf(most);
    const actions = new Int32Array(9).fill(-1);
    decideTogether(policy, views, count, actions);
    assert.deepEqual([...actions], Array.from({ length: 9 }, (_, i) => i < count ? i % 3 : -1));
    return calls;
  };
  assert.deepEqual(asked(null, 3), [[0], [1], [2]]);
  assert.deepEqual(asked(8, 1), [[0]], "one is no batch");
  assert.deepEqual(asked(8, 6), [[0, 1, 2, 3, 4, 5]]);
  assert.deepEqual(asked(3, 7), [[0, 1, 2], [3, 4, 5], [6]]);
  assert.deepEqual(asked(8, 0), []);
});

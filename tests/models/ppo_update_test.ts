import assert from "node:assert/strict";
import { seededRandom } from "../../core/random.ts";
import { decodeFloats, Network } from "../../models/kernel/kernel.ts";
import { initialise } from "../../models/networks/initialise.ts";
import { newRollout } from "../../models/ppo/buffer.ts";
import { moments } from "../../models/ppo/diagnostics.ts";
import { type Learner, updateNetworks } from "../../models/ppo/update.ts";
import { QUICK, smallPair } from "./problems.ts";

const SAMPLES = 16;

/** Networks and a made-up rollout whose old values and log-probabilities are off, so that every clip is met. */
function scene(changes: Partial<typeof QUICK> = {}) {
  const random = seededRandom(8);
  const pair = smallPair(3, 3);
  const actor = new Network(pair.actor, { maxRows: SAMPLES, training: true });
  const critic = new Network(pair.critic, { maxRows: SAMPLES, training: true });
  initialise(actor, random, 1);
  initialise(critic, random, 1);
  const rollout = newRollout(1, SAMPLES, 3);
  for (let i = 0; i < rollout.input.length; i++) rollout.input[i] = 2 * random() - 1;
  for (let i = 0; i < SAMPLES; i++) {
    rollout.actions[i] = i % 3;
    rollout.logProbs[i] = -1.1 + random() - 0.5;
    rollout.values[i] = 2 * random() - 1;
    rollout.returns[i] = 4 * random() - 2;
    rollout.advantages[i] = 5 + 3 * random();
  }
  const options = { ...QUICK, epochs: 1, minibatch: SAMPLES, ...changes };
  const learner: Learner = { actor, critic, options, random, order: new Int32Array(SAMPLES) };
  return { actor, critic, rollout, learner };
}

Deno.test("the gradient of the value is that of the clipped loss times its coefficient", () => {
  for (const clipValue of [true, false]) {
    const { critic, rollout, learner } = scene({ clipValue, valueCoef: 0.7 });
    const loss = (): number => {
      critic.input.set(rollout.input);
      critic.forward(SAMPLES);
      let sum = 0;
      for (let i = 0; i < SAMPLES; i++) {
        const [value, old] = [critic.output[i * critic.plan.outputStride]!, rollout.values[i]!];
        const near = old + Math.min(Math.max(value - old, -0.2), 0.2);
        const free = (value - rollout.returns[i]!) ** 2;
        sum += 0.5 * (clipValue ? Math.max(free, (near - rollout.returns[i]!) ** 2) : free);
      }
      return 0.7 * sum / SAMPLES;
    };
    const { valueLoss } = updateNetworks(learner, rollout, { actor: 0, critic: 0 });
    const grads = critic.grads.slice();
    assert.ok(Math.abs(0.7 * valueLoss - loss()) < 1e-6);
    for (let at = 0; at < grads.length; at += 5) {
      const kept = critic.params[at]!;
      if (kept === 0) continue;
      const h = 2 ** -9;
      critic.params[at] = kept + h;
      const above = loss();
      critic.params[at] = kept - h;
      const below = loss();
      critic.params[at] = kept;
      assert.ok(Math.abs((above - below) / (2 * h) - grads[at]!) < 2e-3, `${at}`);
    }
  }
});

Deno.test("a gradient longer than the limit enters Adam at the limit, a shorter one as it is", () => {
  for (const maxGradNorm of [0.01, 1e6]) {
    const { actor, critic, rollout, learner } = scene({ maxGradNorm });
    const result = updateNetworks(learner, rollout, { actor: 1e-3, critic: 1e-3 });
    for (const [network, norm] of [[actor, result.actorGradNorm], [critic, result.criticGradNorm]] as const) {
      const first = decodeFloats(network.snapshot().moments, network.weights().length);
      // After one step the first moment is a tenth of the gradient.
      const entered = 10 * Math.hypot(...first);
      assert.ok(norm > 0.01);
      const wanted = Math.min(norm, maxGradNorm);
      assert.ok(Math.abs(entered / wanted - 1) < 1e-4, `${entered}, ${wanted}`);
    }
  }
});

Deno.test("advantages are normalised once per update, over all of its samples", () => {
  const { rollout, learner } = scene({ minibatch: 4, epochs: 3 });
  const before = moments(rollout.advantages);
  const result = updateNetworks(learner, rollout, { actor: 1e-3, critic: 1e-3 });
  const after = moments(rollout.advantages);
  assert.ok(Math.abs(after.mean) < 1e-12 && Math.abs(after.variance - 1) < 1e-6);
  assert.equal(result.advantageMean, before.mean);
  assert.equal(result.advantageDeviation, Math.sqrt(before.variance));
});

Deno.test("each network has its own learning rate", () => {
  for (const rates of [{ actor: 1e-3, critic: 0 }, { actor: 0, critic: 1e-3 }]) {
    const { actor, critic, rollout, learner } = scene();
    const [a, c] = [actor.weights(), critic.weights()];
    updateNetworks(learner, rollout, rates);
    const moved = (network: Network, from: Float32Array) => network.weights().some((w, i) => w !== from[i]);
    assert.deepEqual([moved(actor, a), moved(critic, c)], [rates.actor > 0, rates.critic > 0]);
  }
});

Deno.test("every epoch sees every sample once, in a new order; a last small minibatch is not dropped", () => {
  const { rollout, learner } = scene({ minibatch: 5 });
  const orders = [1, 2].map(() => {
    updateNetworks(learner, rollout, { actor: 1e-4, critic: 1e-4 });
    return [...learner.order];
  });
  const sorted = Array.from({ length: SAMPLES }, (_, i) => i);
  for (const order of orders) {
    assert.deepEqual(order.toSorted((x, y) => x - y), sorted);
    assert.notDeepEqual(order, sorted);
  }
  assert.notDeepEqual(orders[0], orders[1]);
});

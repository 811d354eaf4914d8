/**
 * One PPO update by the seeds' recipe: 512 samples of 18 features, 10 epochs of minibatches of 64, actor 18-128-128-3 and
 * critic 18-128-128-1, each with Adam and its own gradient clip; no early stop, so that all 80 minibatches are made.
 * The same recipe for PyTorch is in docs/learning.md.
 *
 * Run: deno task bench:ppo [--json]
 * One thread does everything: wall time is the time of one core (`cpuMs` is measured beside it to show that). Exit 1
 * when the median is not under the target of 60 ms.
 */
import process from "node:process";
import { nextInt, seededRandom } from "../core/random.ts";
import { Network } from "../models/kernel/kernel.ts";
import { initialise } from "../models/networks/initialise.ts";
import { SEED_ACTOR, SEED_CRITIC } from "../models/networks/seed.ts";
import { newRollout } from "../models/ppo/buffer.ts";
import { SEED_DEFAULTS } from "../models/ppo/defaults.ts";
import { computeAdvantages } from "../models/ppo/gae.ts";
import { updateNetworks } from "../models/ppo/update.ts";

const TARGET_MS = 60;
const WARM_UP = 10;
const UPDATES = 60;
const ROWS = 4;

const random = seededRandom(1);
const options = { ...SEED_DEFAULTS, targetKl: 0 };
const { samples, minibatch, gamma, lambda, epochs } = options;
const actor = new Network(SEED_ACTOR, { maxRows: minibatch, training: true });
const critic = new Network(SEED_CRITIC, { maxRows: minibatch, training: true });
initialise(actor, random, 0.01);
initialise(critic, random, 1);
const rollout = newRollout(ROWS, samples / ROWS, 18);
const learner = { actor, critic, options, random, order: new Int32Array(samples) };

/** A rollout as it might have been: log-probabilities and values are those of the networks. */
function fill(): void {
  for (let i = 0; i < rollout.input.length; i++) rollout.input[i] = 2 * random() - 1;
  for (let from = 0; from < samples; from += minibatch) {
    const part = rollout.input.subarray(from * 18, (from + minibatch) * 18);
    actor.input.set(part);
    critic.input.set(part);
    actor.forward(minibatch);
    critic.forward(minibatch);
    for (let r = 0; r < minibatch; r++) {
      const action = nextInt(random, 3);
      rollout.actions[from + r] = action;
      rollout.logProbs[from + r] = actor.output[r * actor.plan.outputStride + action]!;
      rollout.values[from + r] = critic.output[r * critic.plan.outputStride]!;
      rollout.rewards[from + r] = random() < 0.05 ? 2 * random() - 1 : 0;
    }
  }
  computeAdvantages(rollout, gamma, lambda);
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const wall: number[] = [];
let cpu = 0;
let last = { epochs: 0, entropy: NaN };
for (let update = 0; update < WARM_UP + UPDATES; update++) {
  fill();
  const startCpu = cpuMs();
  const start = performance.now();
  last = updateNetworks(learner, rollout, { actor: options.actorRate, critic: options.criticRate });
  const took = performance.now() - start;
  if (update < WARM_UP) continue;
  wall.push(took);
  cpu += cpuMs() - startCpu;
}
wall.sort((a, b) => a - b);
const round = (value: number): number => Number(value.toFixed(2));
const p50Ms = round(wall[Math.floor(wall.length / 2)]!);
const result = {
  p50Ms,
  p99Ms: round(wall[Math.floor(0.99 * wall.length)]!),
  minMs: round(wall[0]!),
  cpuMs: round(cpu / UPDATES),
  threads: 1,
  samplesPerSecond: Math.round(samples * epochs / (p50Ms / 1000)),
  recipe: {
    samples,
    epochs: last.epochs,
    minibatch,
    actor: "18-128-128-3 tanh",
    critic: "18-128-128-1 tanh",
    adamEps: 1e-5,
    maxGradNorm: options.maxGradNorm,
  },
  target: { p50Ms: TARGET_MS },
  passed: p50Ms < TARGET_MS,
};
if (Deno.args.includes("--json")) console.log(JSON.stringify(result));
else {
  console.log(
    `one update (512 samples, 10 epochs, minibatch 64, both networks): p50 ${result.p50Ms} ms, ` +
      `p99 ${result.p99Ms} ms, best ${result.minMs} ms wall on 1 thread; ${result.cpuMs} ms of processor time`,
  );
  console.log(
    `${result.samplesPerSecond} samples a second; target under ${TARGET_MS} ms: ${
      result.passed ? "met" : "missed"
    }`,
  );
}
if (!result.passed) Deno.exitCode = 1;

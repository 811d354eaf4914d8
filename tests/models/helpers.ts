import { seededRandom } from "../../core/random.ts";
import { Network } from "../../models/kernel/kernel.ts";
import { initialise } from "../../models/networks/initialise.ts";
import type { NetworkSpec } from "../../models/networks/spec.ts";

/** A network with random weights everywhere (biases and gains too), random inputs and random output gradients. */
export function randomNetwork(spec: NetworkSpec, maxRows: number, seed = 1): Network {
  const random = seededRandom(seed);
  const network = new Network(spec, { maxRows, training: true });
  initialise(network, random, 1);
  network.loadWeights(network.weights().map((weight) => weight + 0.2 * (random() - 0.5)));
  for (let i = 0; i < network.input.length; i++) network.input[i] = 4 * random() - 2;
  randomGradient(network, maxRows, random);
  return network;
}

export function randomGradient(network: Network, rows: number, random: () => number): void {
  const { outputs, outputStride } = network.plan;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < outputs; c++) network.outputGrad[r * outputStride + c] = random() - 0.5;
  }
}

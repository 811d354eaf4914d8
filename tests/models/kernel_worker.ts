/** Runs in a worker: a network of its own, its output posted back. */
import { TEMPORAL_ACTOR } from "../../models/networks/temporal.ts";
import { randomNetwork } from "./helpers.ts";

const network = randomNetwork(TEMPORAL_ACTOR, 4);
network.forward(4);
network.backward(4);
(globalThis as unknown as { postMessage(message: unknown): void }).postMessage({
  output: network.output.slice(),
  grads: network.grads.slice(),
});

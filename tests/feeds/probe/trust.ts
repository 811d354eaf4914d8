/** Asks the TLS host at the given port in both ways of the probe and prints what came of it. Run by trust_test.ts. */
import { measureClients } from "../../../feeds/probe/clients.ts";
import { measureLegs } from "../../../feeds/probe/legs.ts";
import { limits } from "./stage.ts";

const options = { ...limits(), url: `https://localhost:${Deno.args[0]}/time` };
const legs = await measureLegs({ ...options, connections: 1, roundTrips: 0 });
const clients = await measureClients({ ...options, warmSamples: 1, coldSamples: 1, proxies: [null] });
console.log(JSON.stringify({
  legs: legs.failure?.error.message ?? "ok",
  clients: clients.map(({ failure }) => failure?.message ?? "ok"),
}));

import assert from "node:assert/strict";
import type { Loose } from "../fixtures/venue_client.ts";
import { withCash } from "./cash_stage.ts";

Deno.test("balance and positions: venue and chain side by side, a difference is flagged; one question to Polygon", async () => {
  await withCash({}, async (stage) => {
    const { buy, cash, cli, entry, market5m } = stage;
    await buy(20);
    stage.advance(30_000);
    await stage.blocks(2);
    await entry.refreshBalance({ kind: "collateral" });
    await entry.refreshBalance({ kind: "conditional", token: market5m.up, version: "v1" });
    const asked: string[] = [];
    const counting = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const body = await request.text();
      asked.push(String((JSON.parse(body) as Loose).method));
      const { polygonRpc } = stage.venue.endpoints;
      return new Response(await (await fetch(polygonRpc, { method: "POST", body })).text());
    });
    const rpc = ["--set", `chain.rpc=http://127.0.0.1:${counting.addr.port}`];
    const same = (await cash(["balance", "--json", ...rpc])).envelope;
    const data = same?.data as Loose;
    assert.deepEqual(asked, ["eth_call"]);
    assert.equal(data.chain.collateral, data.collateral);
    assert.deepEqual([data.chain.difference, data.positions[0].chain], ["0.000000", "20.000000"]);
    assert.equal(same?.warnings?.some(({ code }) => code === "CHAIN_DIFFERS") ?? false, false);
    const start = performance.now();
    await cli(["balance", "--json", ...rpc, "--set", "chain.maxBlockAgeMs=86400000"]);
    const tookMs = performance.now() - start;
    assert.ok(tookMs < 1_000, `balance took ${tookMs.toFixed(0)} ms`);
    await counting.shutdown();

    await stage.control({ action: "venue-balance", account: 0, amount: "7" });
    await stage.control({ action: "venue-balance", account: 0, asset: market5m.up, amount: "19" });
    const other = (await cash(["balance", "--json"])).envelope;
    assert.equal((other?.data as Loose).positions[0].chainDifference, "-1.000000");
    assert.ok(String((other?.data as Loose).chain.difference).startsWith("-99"));
    assert.ok(other?.warnings?.some(({ code }) => code === "CHAIN_DIFFERS"));
    const positions = (await cash(["positions", "--json"])).envelope;
    assert.equal((positions?.data as Loose).differingOnChain, 1);
    assert.match((await cash(["positions"])).out, /1 differ from the chain/);

    await stage.control({ action: "rpc-fault", kind: "error", seconds: 3_600 });
    const blind = (await cash(["balance", "--json"])).envelope;
    assert.deepEqual([blind?.ok, (blind?.data as Loose).chain, (blind?.data as Loose).gas], [
      true,
      null,
      null,
    ]);
    assert.ok(blind?.warnings?.some(({ code }) => code === "GAS_UNKNOWN"));
  });
});

import assert from "node:assert/strict";
import { Contract, JsonRpcProvider } from "ethers";
import { startVenue } from "../../fixtures/venue/venue.ts";

const OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B";

Deno.test("an ordinary JSON-RPC client reads chain id, blocks, balances and approvals; what is no transaction is refused", async () => {
  const venue = await startVenue({
    seed: 7,
    startMs: Date.UTC(2026, 10, 21, 9, 30),
    assets: ["btc"],
    durations: ["5m"],
    historyHours: 1,
  });
  const provider = new JsonRpcProvider(venue.endpoints.polygonRpc);
  try {
    assert.equal((await provider.getNetwork()).chainId, 137n);
    const block = await provider.getBlock("latest");
    assert.ok(Math.abs(block!.timestamp * 1000 - venue.now()) < 5_000);
    assert.ok(await provider.getBalance(OWNER) > 0n);
    const pusd = new Contract("0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB", [
      "function balanceOf(address) view returns (uint256)",
      "function allowance(address,address) view returns (uint256)",
    ], provider);
    assert.equal(await pusd["balanceOf"]!(OWNER), 10_000_000_000n);
    assert.ok(await pusd["allowance"]!(OWNER, EXCHANGE) > 0n);
    assert.equal(await pusd["balanceOf"]!("0x0000000000000000000000000000000000000009"), 0n);
    const ctf = new Contract("0x4D97DCd97eC945f40cF65F87097ACe5EA0476045", [
      "function balanceOf(address,uint256) view returns (uint256)",
      "function isApprovedForAll(address,address) view returns (bool)",
    ], provider);
    assert.equal(await ctf["balanceOf"]!(OWNER, 5n), 0n);
    assert.equal(await ctf["isApprovedForAll"]!(OWNER, EXCHANGE), true);
    await assert.rejects(provider.send("eth_sendRawTransaction", ["0x00"]), /rlp/);
    await assert.rejects(provider.send("eth_mining", []), /does not exist/);
  } finally {
    provider.destroy();
    await venue.close();
  }
});

import assert from "node:assert/strict";
import { parseDecimal } from "../../core/units.ts";
import type { Loose } from "../fixtures/venue_client.ts";
import { withAccountDesk } from "./account_desk.ts";

const micro = (text: unknown): number => parseDecimal(String(text), 6);

Deno.test("money of an account: collateral, reserved by resting purchases, free; gas of the key", async () => {
  await withAccountDesk({}, async ({ cli, rest }) => {
    await rest(0.02, 50);
    await rest(0.01, 100);
    const { envelope, out } = await cli(["balance", "--json"]);
    const data = envelope?.data as Loose;
    assert.equal(envelope?.ok, true, out);
    assert.deepEqual(
      [data.collateral, data.reserved, data.free, data.gas, data.openOrders, data.positions],
      ["10000.000000", "2.000000", "9998.000000", "10.000000", 2, []],
    );
    assert.deepEqual(data.provisional, { out: "0.000000", in: "0.000000" });
    const text = await cli(["balance"]);
    assert.match(text.out, /free\s+9,998\.00 pUSD/);
  });
});

Deno.test("a purchase is provisional with its fee until it is confirmed; then it is a position and less collateral", async () => {
  await withAccountDesk({}, async ({ advance, buy, cli, entry }) => {
    await buy(20);
    const before = (await cli(["balance", "--json"])).envelope?.data as Loose;
    const out = micro(before.provisional.out);
    assert.ok(out > 0 && micro(before.free) === micro(before.collateral) - out, JSON.stringify(before));
    advance(30_000);
    await entry.refreshBalance({ kind: "collateral" });
    const after = (await cli(["balance", "--json"])).envelope?.data as Loose;
    assert.equal(after.provisional.out, "0.000000");
    const paid = 10_000_000_000 - micro(after.collateral);
    assert.equal(paid, out, "the bound was what it cost, fee included");
    assert.equal(after.positions.length, 1);
    const [row] = after.positions;
    assert.deepEqual([row.outcome, row.shares, row.state, row.ledger, row.foreign], [
      "up",
      "20.000000",
      "open",
      null,
      null,
    ]);
    assert.equal(micro(row.value), micro(after.positionsValue));
  });
});

Deno.test("balance --min says nothing when enough is free, and one line with exit 3 when not", async () => {
  await withAccountDesk({}, async ({ apiEnv, cli, rest }) => {
    await rest(0.02, 50);
    const env = { ...apiEnv, POLY_ADDRESS: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" };
    const enough = await cli(["balance", "--min", "9999"], { env });
    assert.deepEqual([enough.code, enough.out, enough.err], [0, "", ""]);
    const json = await cli(["balance", "--min", "9999", "--json"], { env });
    assert.equal((json.envelope?.data as Loose).free, "9999.000000");
    const short = await cli(["balance", "--min", "9999.000001"], { env });
    assert.equal(short.code, 3);
    assert.equal(short.out, "");
    assert.equal(
      short.err,
      "error BALANCE_BELOW_MINIMUM: free=9999.000000 minimum=9999.000001 collateral=10000.000000 " +
        "reserved=1.000000 provisional=0.000000\n",
    );
    const told = await cli(["balance", "--min", "10000", "--json"], { env });
    assert.deepEqual([told.code, told.envelope?.error?.code, told.envelope?.error?.details["free"]], [
      3,
      "BALANCE_BELOW_MINIMUM",
      "9999.000000",
    ]);
    assert.equal((await cli(["balance", "--min", "lots"], { env })).code, 2);
  });
});

Deno.test("balance --min with API credentials takes well under a second", async () => {
  await withAccountDesk({}, async ({ apiEnv, cli }) => {
    const env = { ...apiEnv, POLY_ADDRESS: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266" };
    await cli(["balance", "--min", "1"], { env });
    const start = performance.now();
    assert.equal((await cli(["balance", "--min", "1"], { env })).code, 0);
    assert.ok(performance.now() - start < 1_000);
  });
});

Deno.test("a simulated venue's own account is used when nobody names another", async () => {
  await withAccountDesk({}, async ({ cli }) => {
    const ran = await cli(["balance", "--json"], { env: {} });
    const data = ran.envelope?.data as Loose;
    assert.deepEqual([data.login, data.wallet], ["venue", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"]);
  });
});

Deno.test("every kind of wallet: the type follows from the funder when it is not stated", async () => {
  for (const key of [1, 2, 3] as const) {
    await withAccountDesk({ key }, async ({ cli, env, wallet }) => {
      const { POLY_SIGNATURE_TYPE: _, ...rest } = env as Record<string, string>;
      const ran = await cli(["balance", "--json"], { env: { ...rest, POLY_FUNDER: wallet(key) } });
      const data = ran.envelope?.data as Loose;
      assert.deepEqual([data?.signatureType, data?.collateral], [key, "10000.000000"], ran.out);
    });
  }
});

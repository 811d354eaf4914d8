import assert from "node:assert/strict";
import { join } from "node:path";
import type { LifeInput } from "../../core/orders/lifecycle_types.ts";
import type { Ms, Price, Shares, Usdc } from "../../core/units.ts";
import { openJournal } from "../../feeds/journal/journal.ts";
import { resumeState } from "../../feeds/journal/state.ts";
import type { Loose } from "../fixtures/venue_client.ts";
import { type AccountDesk, withAccountDesk } from "./account_desk.ts";

const WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/** Journals one order with its trades as the venue tells them now. */
async function journalOrder(desk: AccountDesk, hash: string, size: number): Promise<void> {
  const { entry, market5m } = desk;
  const journal = openJournal({
    folder: join(desk.data, "journal"),
    wallet: WALLET,
    owner: { pid: 1, startedAtMs: 1 },
  });
  try {
    const at = desk.now() as Ms;
    const wallet = resumeState(journal, at);
    wallet.ledger({ type: "opening", cash: 10_000_000_000 as Usdc }, at);
    const { rows } = await entry.trades({});
    const inputs: LifeInput[] = [
      {
        type: "created",
        at,
        terms: {
          hash,
          orderId: "o1",
          conditionId: market5m.conditionId,
          token: market5m.up,
          outcome: "up",
          side: "buy",
          orderType: "GTC",
          postOnly: false,
          limit: 9_600 as Price,
          size: size * 1e6 as Shares,
          spend: 0 as Usdc,
          expiresAtMs: null,
          fee: { ratePpm: 70_000, exponent: 1, takerOnly: true, rebatePpm: 0 },
          costBound: 30_000_000 as Usdc,
        },
      },
      { type: "sent", at, hash },
      ...rows.filter(({ report }) => report.takerHash === hash)
        .map(({ report }): LifeInput => ({ type: "trade", at, trade: report })),
    ];
    for (const input of inputs) wallet.life(input);
  } finally {
    journal.close();
  }
}

Deno.test("positions: journal beside venue; what nobody's order explains is foreign and differs", async () => {
  await withAccountDesk({}, async (desk) => {
    const hash = await desk.buy(20);
    desk.advance(30_000);
    await desk.entry.refreshBalance({ kind: "conditional", token: desk.market5m.up, version: "v1" });
    const bare = await desk.cli(["positions", "--json"]);
    assert.equal(bare.envelope?.warnings?.[0]?.code, "JOURNAL_ABSENT");
    assert.equal((bare.envelope?.data as Loose).positions[0].ledger, null);
    await journalOrder(desk, hash, 20);
    const own = (await desk.cli(["positions", "--json"])).envelope?.data as Loose;
    const [row] = own.positions;
    assert.deepEqual([row.slug, row.outcome, row.state, row.foreign, row.difference], [
      desk.market5m.slug,
      "up",
      "open",
      false,
      "0.000000",
    ]);
    assert.deepEqual(row.ledger, { provisional: "20.000000", final: "20.000000" });
    assert.ok(Number(row.cost) > 0 && Number(row.mark) > 0 && Number(row.value) > 0);
    await desk.buy(10);
    desk.advance(30_000);
    await desk.entry.refreshBalance({ kind: "conditional", token: desk.market5m.up, version: "v1" });
    const mixed = (await desk.cli(["positions", "--json"])).envelope?.data as Loose;
    assert.equal(mixed.positions[0].difference, "10.000000");
    assert.equal(mixed.differing, 1);
    const text = await desk.cli(["positions"]);
    assert.match(text.out, /1 differ from the journal/);
  });
});

Deno.test("an unconfirmed purchase stands in the provisional ledger only; the venue trails", async () => {
  await withAccountDesk({}, async (desk) => {
    await journalOrder(desk, await desk.buy(20), 20);
    const data = (await desk.cli(["positions", "--json"])).envelope?.data as Loose;
    const [row] = data.positions;
    assert.deepEqual(row.ledger, { provisional: "20.000000", final: "0.000000" });
    assert.equal(row.shares, "0.000000");
  });
});

Deno.test("a resolved window is claimable or lost", async () => {
  await withAccountDesk({}, async (desk) => {
    await desk.buy(20);
    desk.advance(desk.market5m.endMs - desk.now() + 120_000);
    await desk.entry.refreshBalance({ kind: "conditional", token: desk.market5m.up, version: "v1" });
    const { envelope, out } = await desk.cli(["positions", "--json"]);
    const [row] = (envelope?.data as Loose).positions;
    const won = row.state === "claimable";
    assert.ok(won || row.state === "lost", out);
    assert.equal(row.value, won ? "20.000000" : "0.000000");
    const text = await desk.cli(["positions"]);
    assert.match(text.out, won ? /claimable: redeem it/ : /1 tokens of lost windows/);
  });
});

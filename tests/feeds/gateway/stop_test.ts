import assert from "node:assert/strict";
import type { OrderEntry } from "../../../feeds/polymarket/order_entry/types.ts";
import { verifyJournal } from "../../../feeds/journal/verify.ts";
import { settle } from "./fake_venue.ts";
import { resting, type Stage, withGateway } from "./stage.ts";

/** The venue takes these calls and never answers, until what is returned is called: then they fail. */
function hang(entry: OrderEntry, names: readonly (keyof OrderEntry)[]): () => void {
  const ends: (() => void)[] = [];
  for (const name of names) {
    const never = () => new Promise((_, reject) => ends.push(() => reject(new Error("too late"))));
    Object.defineProperty(entry, name, { value: never, configurable: true });
  }
  return () => ends.forEach((end) => end());
}

const sent = async ({ gateway, venue }: Stage): Promise<string[]> => {
  gateway.submit(resting(venue), venue.clock.now());
  gateway.submit(resting(venue), venue.clock.now());
  await settle();
  return [...gateway.wallet.life.orders.keys()];
};

Deno.test("stop() before a venue that hangs ends within a minute and names what may be open", async () => {
  for (const names of [["cancel", "openOrders"], ["openOrders"], ["lookup", "cancel"]] as const) {
    await withGateway(async (stage) => {
      const { venue, gateway, alarms, journal } = stage;
      const hashes = await sent(stage);
      const answer = hang(venue.entry, names);
      const from = venue.clock.now();
      const report = await stage.during(gateway.stop());
      const tookMs = venue.clock.now() - from;
      assert.ok(tookMs >= 59_000 && tookMs <= 63_000, `${tookMs} ms`);
      const cancelled = !names.some((name) => name === "cancel");
      assert.deepEqual([report.proved, report.openAfter], [false, cancelled ? [] : hashes]);
      assert.deepEqual([gateway.state, alarms.at(-1)?.code], ["stopped", "STOP_LATE"]);
      answer();
      await stage.pass(5_000);
      assert.equal(alarms.at(-1)?.code, "STOP_LATE", "late answers change nothing");
      assert.equal(verifyJournal(journal.path).ok, true);
      assert.deepEqual(await gateway.stop(), report, "asked again it says the same");
    });
  }
});

Deno.test("questions that the venue does not answer hold up no cancel and no proof", async () => {
  await withGateway(async (stage) => {
    const { venue, gateway, pass } = stage;
    venue.fates.push("never-landed");
    await sent(stage);
    hang(venue.entry, ["lookup", "trades"]);
    await pass(15_000);
    const stopped = gateway.stop();
    await pass(2_000);
    assert.deepEqual(venue.openHashes(), []);
    const report = await stage.during(stopped);
    assert.deepEqual([report.proved, report.openAfter.length], [true, 0]);
  }, { timing: { settleMs: 5_000 } });
});

Deno.test("a socket that does not close holds up the end for two seconds", async () => {
  await withGateway(async ({ during, gateway, venue }) => {
    const from = venue.clock.now();
    const report = await during(gateway.stop());
    assert.equal(report.proved, true);
    assert.ok(venue.clock.now() - from <= 3_000);
  }, {
    openUserFeed: (handlers) => {
      handlers.onUp();
      return { close: () => new Promise<void>(() => {}) };
    },
  });
});

/** Live sessions that are stopped before a venue that does not show what is open. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { TRADE, withLiveStage } from "./live_stage.ts";

/** Resolves once a folder has something in it: nothing else tells from outside how far a command is. */
async function filled(path: string): Promise<void> {
  const isFilled = (): boolean => {
    try {
      return [...Deno.readDirSync(path)].length > 0;
    } catch {
      return false;
    }
  };
  for (let i = 0; i < 500 && !isFilled(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(isFilled(), "it comes within ten seconds");
}

const stopped = () => new DOMException("stopped by SIGINT", "AbortError");

Deno.test("live: stopped while the start waits for the venue: exit 5 at once, and what is not proved is said", async () => {
  await withLiveStage(async ({ control, data, run }) => {
    await control({ action: "fault", spec: "rest-hang@rest:clob,match=/data/orders" });
    const stop = new AbortController();
    const trading = run([...TRADE, "--for", "60s"], { signal: stop.signal });
    await filled(join(data, "journal"));
    const from = performance.now();
    stop.abort(stopped());
    const ran = await trading;
    const tookMs = performance.now() - from;
    assert.ok(tookMs < 10_000, `${tookMs} ms`);
    assert.equal(ran.code, 5, ran.out);
    assert.deepEqual(ran.envelope?.data, { stopped: true, openAfter: null, mayBeOpen: [], proved: false });
    assert.deepEqual(ran.envelope?.warnings?.map(({ code }) => code), ["STOPPED", "OPEN_ORDERS_LEFT"]);
    await control({ action: "clear-faults" });
    const again = await run([...TRADE, "--for", "5s"]);
    assert.ok(again.envelope?.ok, "the wallet is free and its journal whole");
  });
});

Deno.test("live: stopped as the session begins, while the listing fails: exit 5, and what is not proved is said", async () => {
  await withLiveStage(async ({ control, data, run }) => {
    const stop = new AbortController();
    const trading = run([...TRADE, "--for", "1h"], { signal: stop.signal });
    await filled(join(data, "sessions"));
    await control({ action: "fault", spec: "rest-500@rest:clob,match=/data/orders" });
    stop.abort(stopped());
    const ran = await trading;
    assert.equal(ran.code, 5, ran.out);
    // Stopped before there is a result, or, on a slow machine, with one.
    const { live, proved } = ran.envelope?.data as { proved?: boolean; live?: { end: { proved: boolean } } };
    assert.equal(proved ?? live?.end.proved, false, ran.out);
    const left = ran.envelope?.warnings?.find(({ code }) => code === "OPEN_ORDERS_LEFT");
    assert.match(left?.message ?? "", /not proved that no order is open/);
  });
});

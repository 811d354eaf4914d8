import assert from "node:assert/strict";
import { join } from "node:path";
import { type ProbeResult, readProbe } from "../../commands/probe/result.ts";
import { startVenue } from "../../fixtures/venue/venue.ts";
import { poly } from "../cli/harness.ts";
import { withFolder } from "../feeds/tape/recordings.ts";
import { TEST_KEYS } from "../venue/official.ts";

const LIVE = `live = true
[sizing]
usdc = "5"
[risk]
maxPositionPerMarketUsdc = "20"
maxTotalExposureUsdc = "50"
`;
/** More than our budget lets go at once (60, then 40 a second). */
const ORDERS = 80;

Deno.test("--orders: every order is accepted and cancelled, also beyond our budget; none is left; they are the verdict's basis", async () => {
  const venue = await startVenue({
    ...{ seed: 7, startMs: Date.UTC(2026, 10, 21, 9, 30, 30), durations: ["5m"], historyHours: 2 },
    assets: ["btc"],
  });
  try {
    await withFolder(async (root) => {
      const [config, out] = [join(root, "live.toml"), join(root, "orders.json")];
      await Deno.writeTextFile(config, LIVE);
      const env = { POLY_PRIVATE_KEY: TEST_KEYS[0], POLY_SIGNATURE_TYPE: "0" };
      const at = ["--venue", `sim:${venue.port}`, "--data", join(root, "data"), "--config", config];
      const quiet = ["--log-level", "off", "--json"];
      const doctor = await poly(["doctor", ...at, ...quiet], { env });
      assert.equal(doctor.code, 0, JSON.stringify(doctor.envelope));
      const wanted = ["--samples", String(ORDERS), "--for", "1s", "--out", out];
      const ran = await poly(["latency-probe", "--orders", "--yes", ...wanted, ...at, ...quiet], { env });
      const data = ran.envelope?.data as unknown as ProbeResult;
      assert.ok(ran.code === 0 || data.verdict === "no-go", JSON.stringify(ran.envelope?.error) + ran.err);
      for (const stage of ["order", "cancel", "sign", "journal"]) {
        assert.equal(data.stages[stage]?.n, ORDERS, stage);
      }
      assert.equal(data.orders, true);
      const trip = data.budget.waterfall.find(({ stage }) => stage === "round trip")!;
      assert.ok(Math.abs(trip.p95Ms - data.stages["order"]!.p95 / 1000) < 0.01);
      assert.deepEqual(readProbe(out).model, data.model);
      const cancelled = await poly(["cancel-all", ...at, ...quiet], { env });
      assert.deepEqual([cancelled.code, cancelled.envelope?.data?.["openAfter"]], [0, 0]);
    });
  } finally {
    await venue.close();
  }
});
